/** How much better than the alternative a season has to be in sample before we believe in it. */
const NEEDED_GAIN = 0.9;
/** Leads at which repeating the last value is tried, spread evenly over one season. */
const LEADS = 16;

/**
 * The season under which repeating the last cycle is clearly better, over a horizon of that cycle, than repeating the last
 * value; of several the one that repeats best, a longer one only where it is clearly better than a shorter. 1 when none
 * is: a smooth series always resembles its last value one step ahead, so one step would tell nothing.
 *
 * @param target values on a regular grid, NaN where missing.
 * @param candidates season lengths in points, ascending; those without two full cycles in `target` are passed over.
 */
export function inferSeason(target: Float64Array, candidates: readonly number[]): number {
  let season = 1;
  let best = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    if (candidate < 2 || candidate * 2 > target.length) continue;
    const difference = seasonalDifference(target, candidate);
    const repeats = difference < NEEDED_GAIN * lastValueDifference(target, candidate);
    if (repeats && difference < NEEDED_GAIN * best) [season, best] = [candidate, difference];
  }
  return season;
}

/** Mean error of repeating the last value over a horizon of one season. */
function lastValueDifference(target: Float64Array, season: number): number {
  const leads = Math.min(LEADS, season);
  const differences = Array.from({ length: leads }, (_, i) =>
    seasonalDifference(target, Math.round(((i + 1) * season) / leads)),
  ).filter((difference) => !Number.isNaN(difference));
  return differences.reduce((sum, difference) => sum + difference, 0) / differences.length;
}

/** Mean of |x(t) − x(t−lag)| where both are observed; NaN where no such pair exists. */
export function seasonalDifference(target: Float64Array, lag: number): number {
  let sum = 0;
  let count = 0;
  for (let t = lag; t < target.length; t++) {
    const difference = Math.abs(target[t]! - target[t - lag]!);
    if (Number.isNaN(difference)) continue;
    sum += difference;
    count++;
  }
  return count === 0 ? Number.NaN : sum / count;
}
