import { useMemo, useState } from 'preact/hooks';
import { ApiError, get, send, type Forecast, type Model } from '../api.js';
import { chartColumns } from '../chart-data.js';
import { Chart } from '../chart.js';
import { columnKinds, FileError, seriesOf, type InlineSeries, type Table as FileTable } from '../csv.js';
import { durationMs, numberText, timeText } from '../format.js';
import { useChanges, useLoad } from '../hooks.js';
import { Card, PageTitle, Problem, Table } from '../parts/common.js';

interface Chosen {
  readonly name: string;
  readonly table: FileTable;
  readonly times: number[];
  readonly numbers: number[];
}
interface Answer {
  readonly series: InlineSeries;
  readonly forecast: Forecast;
}

const MOST_BYTES = 20_000_000;
const LEVELS = [0.025, 0.1, 0.5, 0.9, 0.975];

/** A forecast of a file of one's own: it is sent along with the request, and nothing of it is kept. */
export function TryPage() {
  const [chosen, setChosen] = useState<Chosen>();
  const [trouble, setTrouble] = useState<string>();
  useChanges(
    [],
    () => {},
    () => {},
  );
  const take = async (file: File | undefined) => {
    if (!file) return;
    setTrouble(undefined);
    try {
      setChosen(await readFile(file));
    } catch (error) {
      setChosen(undefined);
      setTrouble(error instanceof FileError ? error.message : `The file can't be read: ${String(error)}`);
    }
  };
  return (
    <>
      <PageTitle title="Try a file" />
      <p class="lead">
        Drop a CSV with a column of times and one of numbers. It is forecast at once, and nothing of it is kept.
      </p>
      <DropZone onFile={(file) => void take(file)} name={chosen?.name} />
      {trouble && (
        <p class="notice bad" role="alert">
          {trouble}
        </p>
      )}
      {chosen && <Trial key={`${chosen.name} ${chosen.table.rows.length}`} chosen={chosen} />}
    </>
  );
}

function DropZone({
  onFile,
  name,
}: {
  readonly onFile: (file: File | undefined) => void;
  readonly name: string | undefined;
}) {
  const [isOver, setOver] = useState(false);
  const over = (event: DragEvent) => {
    event.preventDefault();
    setOver(true);
  };
  return (
    <label
      class={isOver ? 'drop over' : 'drop'}
      onDragOver={over}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        onFile(event.dataTransfer?.files[0]);
      }}
    >
      <input
        type="file"
        accept=".csv,.tsv,.txt,text/csv"
        onChange={(event) => onFile(event.currentTarget.files?.[0])}
      />
      <span>
        <b>{name ?? 'Drop a CSV file here'}</b>
        <br />
        {name ? 'Drop or choose another one' : 'or click to choose one'}
      </span>
    </label>
  );
}

function Trial({ chosen: { name, table, times, numbers } }: { readonly chosen: Chosen }) {
  const [time, setTime] = useState(times[0] ?? -1);
  const [value, setValue] = useState(numbers[0]!);
  const [horizon, setHorizon] = useState(24);
  const [model, setModel] = useState('auto');
  const [answer, setAnswer] = useState<Answer>();
  const [error, setError] = useState<ApiError>();
  const [isBusy, setBusy] = useState(false);
  const models = useLoad((signal) => get<{ models: Model[] }>('/models', {}, signal), []);

  const run = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      const series = seriesOf(table, time < 0 ? undefined : time, value);
      const item = { item_id: name.slice(0, 200), channel: table.columns[value] || 'value', ...series };
      const body = { series: [item], horizon, levels: LEVELS, model };
      const { forecasts } = await send<{ forecasts: Forecast[] }>('POST', '/forecasts', body);
      setAnswer({ series, forecast: forecasts[0]! });
    } catch (thrown) {
      setAnswer(undefined);
      setError(thrown instanceof ApiError ? thrown : new ApiError((thrown as Error).message, 0, ''));
    }
    setBusy(false);
  };
  const options = (indexes: number[]) =>
    indexes.map((i) => (
      <option key={i} value={String(i)}>
        {table.columns[i] || `column ${i + 1}`}
      </option>
    ));
  return (
    <div class="stack">
      <Card title={<bdi>{name}</bdi>} actions={<span class="quiet">{table.rows.length.toLocaleString()} rows</span>}>
        <form class="form" onSubmit={(event) => void run(event)}>
          <label class="field">
            Time
            <select value={String(time)} onChange={(event) => setTime(Number(event.currentTarget.value))}>
              {options(times)}
              <option value="-1">none: a row is a day</option>
            </select>
          </label>
          <label class="field">
            Value
            <select value={String(value)} onChange={(event) => setValue(Number(event.currentTarget.value))}>
              {options(numbers)}
            </select>
          </label>
          <label class="field">
            Steps ahead
            <input
              type="number"
              min={1}
              max={4096}
              required
              value={horizon}
              onInput={(event) => setHorizon(event.currentTarget.valueAsNumber || 1)}
            />
          </label>
          <label class="field">
            Model
            <select value={model} onChange={(event) => setModel(event.currentTarget.value)}>
              <option value="auto">auto</option>
              {models.data?.models.map((one) => (
                <option key={one.name} value={one.name}>
                  {one.name}
                </option>
              ))}
            </select>
          </label>
          <button type="submit" class="primary" disabled={isBusy}>
            {isBusy ? 'Forecasting …' : 'Forecast'}
          </button>
        </form>
        <Problem error={error} />
      </Card>
      {answer && <Result answer={answer} />}
    </div>
  );
}

function Result({ answer: { series, forecast } }: { readonly answer: Answer }) {
  const stepMs = durationMs(series.freq);
  const columns = useMemo(() => {
    // The last times of the grid are counted back from the forecast, as months have no one length.
    const cutoff = Date.parse(forecast.cutoff);
    const shown = series.target.slice(-Math.max(200, forecast.ts.length * 4));
    const points = shown.flatMap((value, i) =>
      value === null ? [] : [{ ts: new Date(cutoff - (shown.length - 1 - i) * (stepMs ?? 0)).toISOString(), value }],
    );
    return chartColumns({ points, stepMs, forecast });
  }, [series, forecast, stepMs]);
  const median = forecast.quantiles['0.5'];
  return (
    <Card
      title="Forecast"
      actions={
        <button type="button" onClick={() => download(forecast)}>
          Download CSV
        </button>
      }
    >
      <p class="facts">
        <span>{forecast.model}</span>
        <span>on {forecast.provider}</span>
        <span>every {series.freq}</span>
        <span>{series.target.length.toLocaleString()} points sent</span>
        <span>{forecast.status}</span>
      </p>
      <Chart
        columns={columns}
        label={`Forecast until ${timeText(forecast.ts.at(-1)!)}, then ${numberText(median?.at(-1))}.`}
      />
      <ul class="legend" aria-label="Legend">
        <li class="l-actual">actual</li>
        <li class="l-forecast">forecast</li>
        <li class="l-80">80 %</li>
        <li class="l-95">95 %</li>
      </ul>
      <details>
        <summary>The forecast in numbers</summary>
        <Table caption="The forecast in numbers" head={['Time', 'Median', '80 % from', 'to']}>
          {forecast.ts.map((ts, i) => (
            <tr key={ts}>
              <th scope="row">{timeText(ts)}</th>
              <td>{numberText(median?.[i])}</td>
              <td>{numberText(forecast.quantiles['0.1']?.[i])}</td>
              <td>{numberText(forecast.quantiles['0.9']?.[i])}</td>
            </tr>
          ))}
        </Table>
      </details>
    </Card>
  );
}

/** @throws FileError. */
async function readFile(file: File): Promise<Chosen> {
  if (file.size > MOST_BYTES)
    throw new FileError(`The file has ${file.size} bytes, at most ${MOST_BYTES} are read here; keep its last rows.`);
  if (file.size === 0) throw new FileError('The file is empty.');
  const { default: papaparse } = await import('papaparse');
  const { data } = papaparse.parse<string[]>(await file.text(), { skipEmptyLines: 'greedy' });
  const [columns = [], ...rows] = data;
  if (rows.length < 2) throw new FileError('The file needs a header and at least two rows.');
  const table = { columns, rows };
  const { times, numbers } = columnKinds(table);
  if (numbers.length === 0) throw new FileError('The file has no column of numbers below its header.');
  return { name: file.name, table, times, numbers };
}

function download({ ts, mean, quantiles, channel }: Forecast): void {
  const levels = Object.keys(quantiles);
  const lines = ts.map((time, i) => [time, mean[i], ...levels.map((level) => quantiles[level]![i])].join(','));
  const text = [['ts', 'mean', ...levels].join(','), ...lines, ''].join('\n');
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type: 'text/csv' }));
  link.download = `${channel.replaceAll(/[^\w-]+/g, '_')}-forecast.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
