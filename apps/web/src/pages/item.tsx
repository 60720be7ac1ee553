import { useMemo, useState } from 'preact/hooks';
import {
  ApiError,
  get,
  send,
  seriesPath,
  type Anomaly,
  type Forecast,
  type Observations,
  type Series,
} from '../api.js';
import { chartColumns } from '../chart-data.js';
import { Chart } from '../chart.js';
import { ageText, durationMs, freshness, lengthText, numberText, timeText } from '../format.js';
import { useChanges, useLoad, useNow, useThrottled } from '../hooks.js';
import { AnomalyList } from '../parts/anomalies.js';
import { Card, FreshnessChip, PageTitle, Problem, Table } from '../parts/common.js';
import { ForecastCard } from '../parts/forecast-card.js';
import { ScorecardCard } from '../parts/scorecard.js';
import { itemHref } from '../route.js';

const LEVELS = '0.025,0.1,0.5,0.9,0.975';
const DAY = 86_400_000;
const MOST_POINTS = 2_000;
const RANGES = [
  { name: 'Recent', steps: 300 },
  { name: 'Day', ms: DAY },
  { name: 'Week', ms: 7 * DAY },
  { name: 'Month', ms: 31 * DAY },
  { name: 'Year', ms: 366 * DAY },
  { name: 'All' },
] as const;
type Range = (typeof RANGES)[number]['name'] | { readonly from: number; readonly to: number };

/** One item: a channel of it over time, and what is known, foretold and suspected about it. */
export function ItemPage({ itemId, channel }: { readonly itemId: string; readonly channel: string | undefined }) {
  const list = useLoad(
    (signal) => get<{ series: Series[] }>('/series', { item_id: itemId, limit: 1_000 }, signal),
    [itemId],
  );
  const channels = list.data?.series ?? [];
  const series = channels.find((one) => one.channel === channel) ?? channels[0];
  const now = useNow(5_000);
  return (
    <>
      <p class="crumbs">
        <a href="#/">Items</a>
      </p>
      <PageTitle title={itemId}>{series && <Facts series={series} now={now} />}</PageTitle>
      <Problem error={list.error} retry={list.reload} />
      {list.data && !series && <p class="notice">There is no item of this name.</p>}
      {series && <Channels itemId={itemId} channels={channels} current={series.channel} />}
      {series && <SeriesView key={series.channel} series={series} reloadSeries={list.reload} />}
    </>
  );
}

function Facts({ series, now }: { readonly series: Series; readonly now: number }) {
  const { freq, season, unit, time_zone, labels, last_ts } = series;
  const step = durationMs(freq);
  const facts = [
    ...(last_ts ? [`last point ${ageText(Date.parse(last_ts), now)}`] : []),
    ...(step ? [`a point every ${lengthText(step).replace(/^1 /, '')}`] : []),
    ...(season && season > 1 ? [`season of ${season}`] : []),
    ...(unit ? [unit] : []),
    ...(time_zone === 'UTC' ? [] : [time_zone]),
    ...Object.entries(labels).map(([key, value]) => `${key}: ${value}`),
  ];
  return (
    <p class="facts">
      <FreshnessChip state={freshness(last_ts, freq, now)} />
      {facts.map((fact) => (
        <bdi key={fact}>{fact}</bdi>
      ))}
    </p>
  );
}

function Channels(props: { readonly itemId: string; readonly channels: Series[]; readonly current: string }) {
  const { itemId, channels, current } = props;
  if (channels.length < 2) return null;
  if (channels.length > 8) {
    return (
      <label class="field inline">
        Channel
        <select value={current} onChange={(event) => (location.hash = itemHref(itemId, event.currentTarget.value))}>
          {channels.map(({ channel }) => (
            <option key={channel} value={channel}>
              {channel}
            </option>
          ))}
        </select>
      </label>
    );
  }
  return (
    <nav class="tabs" aria-label="Channels">
      {channels.map(({ channel }) => (
        <a key={channel} href={itemHref(itemId, channel)} aria-current={channel === current ? 'page' : undefined}>
          <bdi>{channel}</bdi>
        </a>
      ))}
    </nav>
  );
}

function SeriesView({ series, reloadSeries }: { readonly series: Series; readonly reloadSeries: () => void }) {
  const { item_id, channel, last_ts, freq, unit } = series;
  const stepMs = durationMs(freq);
  const last = last_ts === null ? undefined : Date.parse(last_ts);
  const [range, setRange] = useState<Range>('Recent');
  const { from, to } = stretchOf(range, last, stepMs);
  const path = seriesPath(item_id, channel);

  const points = useLoad(
    (signal) =>
      get<Observations>(`${path}/observations`, { from: iso(from), to: iso(to), max_points: MOST_POINTS }, signal),
    [path, from === undefined ? range : typeof range === 'string' ? range : from, to],
  );
  const forecast = useLoad((signal) => latestForecast(item_id, channel, undefined, signal), [item_id, channel]);
  const earlier = useLoad(
    (signal) => earlierForecast(item_id, channel, last, forecast.data, stepMs, signal),
    [item_id, channel, forecast.data?.forecast_id, last === undefined ? 0 : Math.floor(last / 60_000)],
  );
  const anomalies = useLoad(
    (signal) => get<{ anomalies: Anomaly[] }>('/anomalies', { item_id, limit: 200 }, signal),
    [item_id],
  );
  const refresh = useThrottled(() => {
    reloadSeries();
    points.reload();
    forecast.reload();
  }, 2_000);
  const refreshAnomalies = useThrottled(anomalies.reload, 2_000);
  useChanges(
    [item_id],
    (change) => {
      if (change.type === 'series' && change.channel === channel) refresh();
      if (change.type === 'anomalies') refreshAnomalies();
    },
    () => (refresh(), refreshAnomalies()),
  );

  const own = useMemo(
    () => (anomalies.data?.anomalies ?? []).filter((one) => one.channel === null || one.channel === channel),
    [anomalies.data, channel],
  );
  const shown = forecast.data ?? undefined;
  const columns = useMemo(
    () =>
      chartColumns({
        points: points.data?.observations ?? [],
        stepMs: Math.max(stepMs ?? 0, (points.data?.thinned?.stretch_seconds ?? 0) * 1_000) || undefined,
        forecast: shown,
        earlier: earlier.data ?? undefined,
        anomalies: own,
        from: points.data?.observations[0]
          ? Math.max(from ?? -Infinity, Date.parse(points.data.observations[0].ts))
          : from,
        to,
      }),
    [points.data, shown, earlier.data, own, stepMs, from, to],
  );
  const showAround = (ts: string) => {
    const half = 60 * (stepMs ?? 60_000);
    setRange({ from: Date.parse(ts) - half, to: Date.parse(ts) + half });
    document.querySelector('.chart')?.scrollIntoView({ block: 'center' });
  };

  return (
    <div class="grid">
      <Card wide title={<bdi>{channel}</bdi>} actions={<RangeButtons range={range} onRange={setRange} />}>
        <Problem error={points.error} retry={points.reload} />
        <Chart
          columns={columns}
          unit={unit}
          label={chartLabel(channel, points.data, shown)}
          onSelect={(start, end) => setRange({ from: start, to: end })}
        />
        <Legend forecast={shown} earlier={earlier.data ?? undefined} points={points.data} />
        {shown && <ForecastNumbers forecast={shown} />}
      </Card>
      <AnomalyList anomalies={own} error={anomalies.error} onChanged={anomalies.reload} onShow={showAround} />
      <ForecastCard
        forecast={shown}
        error={forecast.error}
        onMake={async (horizon) => {
          await send('POST', '/forecasts', { item_id, channel, horizon });
          forecast.reload();
        }}
      />
      <ScorecardCard itemId={item_id} channel={channel} />
    </div>
  );
}

function RangeButtons({ range, onRange }: { readonly range: Range; readonly onRange: (range: Range) => void }) {
  return (
    <div class="segments" role="group" aria-label="Stretch of time">
      {RANGES.map(({ name }) => (
        <button key={name} type="button" aria-pressed={range === name} onClick={() => onRange(name)}>
          {name}
        </button>
      ))}
    </div>
  );
}

function Legend(props: {
  readonly forecast: Forecast | undefined;
  readonly earlier: Forecast | undefined;
  readonly points: Observations | undefined;
}) {
  const { forecast, earlier, points } = props;
  return (
    <ul class="legend" aria-label="Legend">
      <li class="l-actual">actual</li>
      {forecast && <li class="l-forecast">forecast</li>}
      {forecast && <li class="l-80">80 %</li>}
      {forecast && <li class="l-95">95 %</li>}
      {earlier && <li class="l-earlier">forecast of {timeText(earlier.cutoff)} with its 80 %</li>}
      <li class="l-anomaly">anomaly</li>
      {points?.thinned && (
        <li class="plain">{points.thinned.points.toLocaleString()} points, drawn by their lowest and highest</li>
      )}
    </ul>
  );
}

function ForecastNumbers({ forecast: { ts, quantiles, mean } }: { readonly forecast: Forecast }) {
  return (
    <details>
      <summary>The forecast in numbers</summary>
      <Table caption="The forecast in numbers" head={['Time', 'Median', 'Mean', '80 % from', 'to', '95 % from', 'to ']}>
        {ts.map((time, i) => (
          <tr key={time}>
            <th scope="row">{timeText(time)}</th>
            {[quantiles['0.5'], mean, quantiles['0.1'], quantiles['0.9'], quantiles['0.025'], quantiles['0.975']].map(
              (list, k) => (
                <td key={k}>{numberText(list?.[i])}</td>
              ),
            )}
          </tr>
        ))}
      </Table>
    </details>
  );
}

function chartLabel(channel: string, points: Observations | undefined, forecast: Forecast | undefined): string {
  const list = points?.observations ?? [];
  const values = list.map(({ value }) => value);
  const course =
    values.length === 0
      ? 'no points in this stretch of time.'
      : `${timeText(list[0]!.ts)} to ${timeText(list.at(-1)!.ts)}, between ${numberText(Math.min(...values))} and ${numberText(Math.max(...values))}, last ${numberText(values.at(-1))}.`;
  const end = forecast?.quantiles['0.5']?.at(-1);
  return `Chart of ${channel}: ${course}${forecast ? ` Forecast until ${timeText(forecast.ts.at(-1)!)}, then ${numberText(end)}.` : ''}`;
}

function stretchOf(
  range: Range,
  last: number | undefined,
  stepMs: number | undefined,
): { from: number | undefined; to: number | undefined } {
  if (typeof range !== 'string') return range;
  const chosen = RANGES.find(({ name }) => name === range)!;
  if (last === undefined) return { from: undefined, to: undefined };
  if ('ms' in chosen) return { from: last - chosen.ms, to: undefined };
  if ('steps' in chosen && stepMs !== undefined) return { from: last - chosen.steps * stepMs, to: undefined };
  return { from: undefined, to: undefined };
}

function iso(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : new Date(Math.round(ms)).toISOString();
}

async function latestForecast(
  item_id: string,
  channel: string,
  before: number | undefined,
  signal: AbortSignal,
): Promise<Forecast | null> {
  try {
    const query = { item_id, channel, levels: LEVELS, parts: 'true', cutoff_before: iso(before) };
    const { forecasts } = await get<{ forecasts: Forecast[] }>('/forecasts/latest', query, signal);
    return forecasts[0] ?? null;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}

/** Yesterday's: made at least a day before the last point; where there is none so old, a horizon before it. */
async function earlierForecast(
  item_id: string,
  channel: string,
  last: number | undefined,
  newest: Forecast | null | undefined,
  stepMs: number | undefined,
  signal: AbortSignal,
): Promise<Forecast | null> {
  if (last === undefined || !newest) return null;
  const horizon = newest.ts.length * (stepMs ?? 0);
  for (const back of [DAY, horizon, horizon / 2]) {
    if (back > Math.max(DAY, horizon)) continue;
    const found = await latestForecast(item_id, channel, last - back + 1, signal);
    // One that ended long ago says nothing about the points that are shown.
    if (found && Date.parse(found.ts.at(-1)!) > last - Math.max(DAY, horizon)) return found;
  }
  return null;
}
