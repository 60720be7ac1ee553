import type { ForecastFailure, InlineSeries, IssuedForecast } from '../../../../forecaster/src/forecast-client.js';
import { invalid } from '../api-error.js';
import { atLevels } from '../dialect-forecaster.js';
import { inlineSeries, isoSeconds, readTime } from '../inline-series.js';
import { parsePandasFrequency, type NamedFrequency } from '../pandas-frequency.js';
import { outputError } from './kserve-error.js';
import type { ForecastOutput, TimeSeries, TimeSeriesForecast, TimeSeriesInput } from './kserve.schema.js';

/** A multivariate series has a channel a variable; their names sort in their order. */
const channelOf = (variable: number) => `v${String(variable).padStart(5, '0')}`;

/** One input on its way through. */
export interface Input {
  readonly given: TimeSeriesInput;
  readonly named: NamedFrequency;
  /** Time of the first observation; the beginning of 1970 where none was given. */
  readonly start: number;
  /** One a variable, of one item: they help each other where the model looks at channels together. */
  readonly series: readonly InlineSeries[];
}

/** @throws PlatformError naming the series whose frequency, time or shape can't be used. */
export function toInput(given: TimeSeriesInput): Input {
  const named = parsePandasFrequency(given.frequency);
  const start = startOf(given);
  const variables = columnsOf(given);
  const series = variables.map((target, variable) =>
    inlineSeries({ itemId: given.name, channel: channelOf(variable), named, start, target }),
  );
  return { given, named, start, series };
}

function startOf({ name, start_timestamp: text }: TimeSeriesInput): number {
  if (text === null || text === undefined) return 0;
  const time = readTime(text);
  if (time) return time.toMillis();
  const shown = JSON.stringify(text.slice(0, 40));
  const message = `series ${name}: start_timestamp ${shown} is not usable; write an ISO-8601 time such as 2026-01-01T00:00:00Z`;
  throw invalid(message, 'TS_INVALID');
}

/** The values of each variable. */
function columnsOf(given: TimeSeriesInput): (number | null)[][] {
  if (given.type === 'univariate_time_series') return [given.series];
  const width = given.series[0]!.length;
  const odd = given.series.findIndex((row) => row.length !== width);
  if (odd >= 0) {
    const message = `series ${given.name}: series[${odd}] has ${given.series[odd]!.length} values, but series[0] has ${width}`;
    throw invalid(`${message}; give one value a variable and time, null for a gap`);
  }
  return Array.from({ length: width }, (_, variable) => given.series.map((row) => row[variable]!));
}

/** What the client is told of one input: its forecast, or why there is none. */
export function toOutput(
  input: Input,
  forecasts: readonly IssuedForecast[],
  failure: ForecastFailure | undefined,
  levels: readonly number[] | null,
  id: string,
): ForecastOutput {
  const failed = failure !== undefined;
  return {
    type: 'time_series_forecast',
    id,
    status: failed ? 'error' : 'completed',
    content: failed ? [] : [contentOf(input, forecasts, levels)],
    error: failed ? outputError(failure) : null,
  };
}

function contentOf(
  { given, named, start }: Input,
  forecasts: readonly IssuedForecast[],
  levels: readonly number[] | null,
): TimeSeriesForecast {
  const made = forecasts.map((forecast) => atLevels(forecast, levels ?? []));
  const shape = (columns: readonly (readonly number[])[]): TimeSeries =>
    given.type === 'univariate_time_series'
      ? [...columns[0]!]
      : columns[0]!.map((_, step) => columns.map((column) => column[step]!));
  return {
    type: given.type,
    name: given.name,
    mean_forecast: shape(made.map(({ mean }) => mean)),
    frequency: given.frequency,
    start_timestamp: isoSeconds(named.freq.addTo(start, given.series.length)),
    quantiles:
      levels &&
      Object.fromEntries(
        levels.map((level, at) => [
          String(level),
          shape(made.map(({ mean, quantiles }) => mean.map((_, step) => quantiles[step * levels.length + at]!))),
        ]),
      ),
  };
}
