import { z } from 'zod';

const value = z.number('must be a number, or null for a gap').nullable();
const shared = {
  name: z.string().min(1).max(500).describe('Unique in the request.'),
  frequency: z.string().min(1).max(40).describe('`S` to `Y`, or `second` to `year`; also `15min` and the like.'),
  start_timestamp: z.string().nullish().describe('Time of the first observation, ISO-8601; UTC without an offset.'),
};
const input = z.discriminatedUnion('type', [
  z.object({ type: z.literal('univariate_time_series'), series: z.array(value).min(1), ...shared }),
  z.object({
    type: z.literal('multivariate_time_series'),
    series: z.array(z.array(value).min(1)).min(1).describe('Times × variables.'),
    ...shared,
  }),
]);
export type TimeSeriesInput = z.output<typeof input>;

/** Body of `POST /v1/timeseries/forecast`. */
export const forecastRequest = z.object({
  model: z.string().min(1).describe('A name of `GET /v1/timeseries/models`.'),
  inputs: z
    .array(input)
    .min(1)
    .refine((inputs) => new Set(inputs.map(({ name }) => name)).size === inputs.length, 'names must be unique'),
  options: z.object({
    horizon: z.int().min(1).describe('Steps ahead.'),
    quantiles: z.array(z.number()).nullish().describe('Levels in (0, 1); the mean alone without them.'),
  }),
  metadata: z.record(z.string(), z.unknown()).nullish(),
});
export type ForecastRequest = z.output<typeof forecastRequest>;

/** One value a step, or one a step and variable. */
export type TimeSeries = number[] | number[][];
export type Status = 'completed' | 'error' | 'partial';

export interface KServeError {
  readonly code: string;
  readonly message: string;
  readonly param: string;
  readonly type: string;
}
export interface TimeSeriesForecast {
  readonly type: TimeSeriesInput['type'];
  readonly name: string;
  readonly mean_forecast: TimeSeries;
  readonly frequency: string;
  readonly start_timestamp: string;
  readonly quantiles: Record<string, TimeSeries> | null;
}
export interface ForecastOutput {
  readonly type: 'time_series_forecast';
  readonly id: string;
  readonly status: Status;
  readonly content: TimeSeriesForecast[];
  readonly error: KServeError | null;
}
export interface ForecastResponse {
  readonly id: string;
  readonly created_at: number;
  readonly status: Status;
  readonly error: KServeError | null;
  readonly model: string;
  readonly outputs: ForecastOutput[];
}
