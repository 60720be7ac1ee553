import { z } from 'zod';

const values = z.array(z.number().nullable(), 'must be a list of numbers, null for a gap');

/** Series as the client flattens them: one after the other in `y`, with their sizes. */
const series = z.object({
  y: values.describe('The values of all series, one series after the other, oldest first; null for a gap.'),
  sizes: z.array(z.int().min(1)).min(1).describe('How many of them belong to each series.'),
  start_datetime: z.array(z.string()).nullish().describe('Time of the first value of each series.'),
  X: z.array(z.array(z.unknown())).nullish().describe('Exogenous features: each as long as y.'),
  X_future: z.array(z.array(z.unknown())).nullish(),
  categorical_exog: z.array(z.int()).nullish(),
});
export type SeriesPayload = z.output<typeof series>;

/** What all requests have. */
const request = z.object({
  series,
  model: z.string().min(1).default('timegpt-1').describe('`timegpt-…` is auto; else a name of GET /v2/models.'),
  freq: z.string().min(1).describe('Offset alias of pandas.'),
  finetune_steps: z.int().min(0).nullish(),
  finetuned_model_id: z.string().nullish(),
  feature_contributions: z.boolean().nullish(),
  model_parameters: z.record(z.string(), z.unknown()).nullish(),
  multivariate: z.boolean().nullish(),
  hist_exog: z.array(z.int()).nullish().describe('Which of X are known up to the cutoff only.'),
});
export type SharedRequest = z.output<typeof request>;

const steps = z.int().min(1);
const level = z.number();

/** Body of `POST /v2/forecast`. */
export const forecastRequest = request.extend({ h: steps, level: z.array(level).nullish() });
export type ForecastRequest = z.output<typeof forecastRequest>;

/** Body of `POST /v2/cross_validation`. */
export const crossValidationRequest = request.extend({
  h: steps,
  n_windows: steps.default(1),
  step_size: steps.nullish(),
  level: z.array(level).nullish(),
  full_history: z.boolean().nullish().describe('Forecast all of the history that can be, in windows of our choice.'),
});
export type CrossValidationRequest = z.output<typeof crossValidationRequest>;

/** Body of `POST /v2/anomaly_detection`. */
export const anomalyRequest = request.extend({ level: level.default(99) });
export type AnomalyRequest = z.output<typeof anomalyRequest>;

/** Body of `POST /v2/online_anomaly_detection`. */
export const onlineAnomalyRequest = request.extend({
  h: steps,
  detection_size: steps,
  step_size: steps.nullish(),
  threshold_method: z.enum(['univariate', 'multivariate']).default('univariate'),
  level: level.default(99),
});
export type OnlineAnomalyRequest = z.output<typeof onlineAnomalyRequest>;

/** Query of `GET /model_params`. */
export const modelParamsQuery = z.object({ model: z.string().min(1), freq: z.string().min(1) });
export type ModelParamsQuery = z.output<typeof modelParamsQuery>;

/** By name, `lo-80` and `hi-80`: one value for each of `mean`. */
export type Intervals = Record<string, number[]>;

export interface ForecastAnswer {
  readonly mean: number[];
  readonly intervals: Intervals | null;
  /** Always null: there are no features whose weight could be told. */
  readonly weights_x: null;
  readonly feature_contributions: null;
}
export interface CrossValidationAnswer extends ForecastAnswer {
  /** Of each series, how many values it has in the answer. */
  readonly sizes: number[];
  /** Where in `y` each of them stands. */
  readonly idxs: number[];
}
export interface AnomalyAnswer extends CrossValidationAnswer {
  readonly anomaly: boolean[];
}
export interface OnlineAnomalyAnswer extends AnomalyAnswer {
  /** How far outside: 1 is the bound of the interval. */
  readonly anomaly_score: number[];
  /** All series of a time together; 1 is the threshold. */
  readonly accumulated_anomaly_score?: number[];
}
