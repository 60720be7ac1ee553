import { CANONICAL_LEVELS, normalQuantile } from '@app/series';

import type { ScoredForecast } from './metrics.js';

const Z = CANONICAL_LEVELS.map(normalQuantile);

/**
 * The seasonal naive forecast of the textbook, to which published tables are relative: the last cycle repeated, and normal
 * intervals of deviation σ·√(k+1), k being the whole cycles before the step and σ the root mean square of the seasonal
 * differences in the context (Hyndman & Athanasopoulos, FPP3, §5.5; `SeasonalNaive` of statsforecast).
 *
 * A gap in the last cycle is filled from the cycle before. A context no longer than a cycle has no seasonal difference:
 * there the last value is repeated.
 *
 * @param context NaN where missing; at least one value.
 * @param seasonality points in a cycle; 1 repeats the last value.
 */
export function textbookSeasonalNaive(context: Float64Array, seasonality: number, horizon: number): ScoredForecast {
  const season = context.length > seasonality ? seasonality : 1;
  const cycle = Float64Array.from({ length: season }, (_, phase) => lastOfPhase(context, season, phase));
  const deviation = rootMeanSquareDifference(context, season);
  const mean = Float64Array.from({ length: horizon }, (_, step) => cycle[step % season]!);
  const quantiles = Float64Array.from({ length: horizon * Z.length }, (_, i) => {
    const step = Math.floor(i / Z.length);
    return mean[step]! + deviation * Math.sqrt(Math.floor(step / season) + 1) * Z[i % Z.length]!;
  });
  return { mean, quantiles };
}

function lastOfPhase(context: Float64Array, season: number, phase: number): number {
  for (let t = context.length - season + phase; t >= 0; t -= season) {
    if (!Number.isNaN(context[t]!)) return context[t]!;
  }
  return context[context.findLastIndex((value) => !Number.isNaN(value))]!;
}

function rootMeanSquareDifference(context: Float64Array, season: number): number {
  let squares = 0;
  let count = 0;
  for (let t = season; t < context.length; t++) {
    const difference = context[t]! - context[t - season]!;
    if (Number.isNaN(difference)) continue;
    squares += difference ** 2;
    count++;
  }
  return count === 0 ? 0 : Math.sqrt(squares / count);
}
