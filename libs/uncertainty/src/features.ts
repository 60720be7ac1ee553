import { seasonalDifference } from '@app/series';

/** What is known of a window when its models are weighted. */
export interface FeatureWindow {
  /** Values on the grid, NaN where missing. */
  readonly target: Float64Array;
  /** Points in the season; 1 for none. */
  readonly season: number;
}

/** Names of the features that don't belong to a model, in their order. */
const COMMON = ['step', 'sin-season', 'cos-season', 'sin-week', 'cos-week', 'slope', 'lag-1', 'lag-season', 'spread'];
const WEEK_MS = 7 * 86_400_000;

/** Names of the features of `stepFeatures`, in their order. */
export function featureNames(models: readonly string[]): string[] {
  return [...COMMON, ...models.map((model) => `residual ${model}`)];
}

/**
 * What local weights of one step may depend on: how far ahead, where in the season and in the week, the shape of the
 * window, how far the models are apart and by how much each of them was last wrong. All without unit.
 *
 * @param step 1-based.
 * @param ts time of the step, milliseconds.
 * @param medians of the models at this step.
 * @param residuals last error of each model, actual − median; 0 where not known.
 */
export function stepFeatures(
  window: FeatureWindow,
  step: number,
  ts: number,
  medians: readonly number[],
  residuals: readonly number[],
): Float64Array {
  const { target, season } = window;
  const scale = seasonalDifference(target, 1) || 1;
  const phase = season > 1 ? (2 * Math.PI * (step % season)) / season : 0;
  const week = (2 * Math.PI * (ts % WEEK_MS)) / WEEK_MS;
  const bounded = (value: number) => Math.tanh(value / (4 * scale));
  const spread = Math.max(...medians) - Math.min(...medians);
  return Float64Array.of(
    Math.log2(step),
    ...(season > 1 ? [Math.sin(phase), Math.cos(phase)] : [0, 0]),
    Math.sin(week),
    Math.cos(week),
    bounded(slopeOf(target) * target.length),
    autocorrelation(target, 1),
    season > 1 ? autocorrelation(target, season) : 0,
    bounded(spread),
    ...residuals.map(bounded),
  );
}

/** Least-squares slope a point. */
function slopeOf(target: Float64Array): number {
  const centre = (target.length - 1) / 2;
  const mean = meanOf(target);
  let [products, squares] = [0, 0];
  target.forEach((value, t) => {
    if (Number.isNaN(value)) return;
    products += (t - centre) * (value - mean);
    squares += (t - centre) ** 2;
  });
  return squares > 0 ? products / squares : 0;
}

/** Correlation of values `lag` points apart; 0 where there is none to tell. */
function autocorrelation(target: Float64Array, lag: number): number {
  const mean = meanOf(target);
  let [products, squares] = [0, 0];
  target.forEach((value, t) => {
    if (Number.isNaN(value)) return;
    squares += (value - mean) ** 2;
    const before = target[t - lag];
    if (before !== undefined && !Number.isNaN(before)) products += (value - mean) * (before - mean);
  });
  return squares > 0 ? products / squares : 0;
}

function meanOf(target: Float64Array): number {
  let [sum, count] = [0, 0];
  for (const value of target) {
    if (Number.isNaN(value)) continue;
    sum += value;
    count++;
  }
  return count === 0 ? 0 : sum / count;
}
