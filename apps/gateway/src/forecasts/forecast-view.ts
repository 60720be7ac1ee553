import { PlatformError } from '@app/observability';
import { Frequency, forecastTimes, quantilesAt } from '@app/series';
import type { IssuedForecast, ReplayOutcome } from '../../../forecaster/src/forecast-client.js';
import type { ForecastView, ReplayAnswer } from './forecast.schema.js';

/** Numbers in one answer: as many as the largest call has at the canonical levels, some 100 MB. */
const MOST_NUMBERS = 400_000 * 14;

/** Forecasts as clients see them, at the levels they asked for. */
export function viewForecasts(forecasts: readonly IssuedForecast[], levels: readonly number[]): ForecastView[] {
  const steps = forecasts.reduce((sum, { mean }) => sum + mean.length, 0);
  checkAnswerSize(steps, levels);
  return forecasts.map((forecast) => view(forecast, levels));
}

/** The same, with what they were made of. */
export function viewWithParts(forecasts: readonly IssuedForecast[], levels: readonly number[]): ForecastView[] {
  return viewForecasts(forecasts, levels).map((view, i) => ({ ...view, parts: forecasts[i]!.parts }));
}

/** A replay as clients see it, at the levels they asked for. */
export function viewReplay({ forecast, ...outcome }: ReplayOutcome, levels: readonly number[]): ReplayAnswer {
  const [{ model, provider, ts, mean, quantiles }] = viewForecasts([forecast], levels) as [ForecastView];
  return {
    forecast_id: forecast.forecastId!,
    reproduced: outcome.reproduced,
    largest_difference: outcome.largestDifference,
    tolerance: outcome.tolerance,
    differences: [...outcome.differences],
    model,
    provider,
    ts,
    levels: [...levels],
    mean,
    quantiles,
  };
}

/** @throws PlatformError TOO_MANY_SERIES where an answer would hold more numbers than anyone can read. */
export function checkAnswerSize(steps: number, levels: readonly number[]): void {
  const numbers = steps * (levels.length + 1);
  if (numbers <= MOST_NUMBERS) return;
  const message = `the answer would hold ${numbers} numbers, at most ${MOST_NUMBERS} are given; ask for fewer series, steps or levels`;
  throw new PlatformError('TOO_MANY_SERIES', message);
}

function view(forecast: IssuedForecast, levels: readonly number[]): ForecastView {
  const { cutoff, freq, timeZone, mean } = forecast;
  return {
    forecast_id: forecast.forecastId,
    item_id: forecast.itemId,
    channel: forecast.channel,
    model: forecast.model,
    model_sha256: forecast.modelSha256,
    provider: forecast.provider,
    status: forecast.status,
    issued_at: forecast.issuedAt,
    cutoff,
    freq,
    time_zone: timeZone,
    start: forecast.start,
    ts: timesOf(forecast, mean.length),
    levels: [...levels],
    mean: [...mean],
    quantiles: byLevel(forecast.quantiles, levels),
  };
}

/** The time of each step. */
export function timesOf(grid: { cutoff: string; freq: string; timeZone: string }, horizon: number): string[] {
  const { cutoff, freq, timeZone } = grid;
  return forecastTimes(Date.parse(cutoff), frequency(freq), timeZone, horizon).map((ts) => new Date(ts).toISOString());
}

/** Quantiles as clients see them: one list a level, interpolated where it is not canonical. */
export function byLevel(quantiles: readonly number[], levels: readonly number[]): Record<string, number[]> {
  const values = quantilesAt(quantiles, levels);
  const steps = values.length / levels.length;
  const column = (level: number) => Array.from({ length: steps }, (_, step) => values[step * levels.length + level]!);
  return Object.fromEntries(levels.map((level, i) => [String(level), column(i)]));
}

function frequency(text: string): Frequency {
  const freq = Frequency.parse(text);
  if (freq) return freq;
  throw new PlatformError('INTERNAL', `a forecast has the frequency "${text}", which can't be read`);
}
