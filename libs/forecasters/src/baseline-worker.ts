// Handler module of the threads in which baselines are computed: a fit of ETS or MSTL blocks for some 20 ms, too long
// for the thread that serves Kafka and HTTP.
import type { Answer } from '@app/inference';
import { CANONICAL_LEVELS, sortQuantiles } from '@app/series';
import type { BaselineInput } from './baselines.js';
import { BASELINE_MODELS, chooseBaseline, type BaselineName, type Choice } from './best-baseline.js';
import { magnitudeOf, restoreMagnitude } from './magnitude.js';

export interface BaselineRequest {
  /** `best` chooses for each window. */
  readonly model: BaselineName | 'best';
  readonly inputs: readonly BaselineInput[];
}

export interface BaselineResult {
  /** What made the forecast in the end. */
  readonly model: BaselineName;
  /** Model and reason; two entries where the first one failed and seasonal naive stood in. */
  readonly chosen: Readonly<Record<string, string>>;
  /** Horizon × 13, row-major, ascending, finite. */
  readonly quantiles: Float64Array;
  /** How long it took, the choice included. */
  readonly seconds: number;
}

/** Computes the forecasts of a few windows. */
export function handle(request: unknown): Answer {
  const { model, inputs } = request as BaselineRequest;
  const result = inputs.map((input): BaselineResult => {
    const start = performance.now();
    const forecast = forecastBaseline(model, input);
    return { ...forecast, seconds: (performance.now() - start) / 1000 };
  });
  return { result, transfer: result.map(({ quantiles }) => quantiles.buffer as ArrayBuffer) };
}

/** One forecast; where the model does not apply or fails, seasonal naive stands in and `chosen` says why. */
export function forecastBaseline(model: BaselineName | 'best', input: BaselineInput): Omit<BaselineResult, 'seconds'> {
  const magnitude = magnitudeOf(input.target);
  const scaled = { ...input, target: magnitude === 1 ? input.target : input.target.map((value) => value / magnitude) };
  const choice: Choice = model === 'best' ? chooseBaseline(scaled) : { model, reason: 'asked for' };
  const finish = (quantiles: Float64Array) =>
    sortQuantiles(restoreMagnitude(quantiles, magnitude), CANONICAL_LEVELS.length);
  try {
    const quantiles = finish(BASELINE_MODELS[choice.model](scaled));
    return { model: choice.model, chosen: { [choice.model]: choice.reason }, quantiles };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const chosen = { [choice.model]: `failed: ${message}`, 'seasonal-naive': 'stands in' };
    return { model: 'seasonal-naive', chosen, quantiles: finish(BASELINE_MODELS['seasonal-naive'](scaled)) };
  }
}
