/** A season has to beat the last value, and a longer one the shorter, by this much in sample before we believe in it. */
const NEEDED_GAIN = 0.95;

/**
 * The candidate season under which repeating the last cycle is clearly best in sample; 1 when none beats repeating
 * the last value.
 *
 * @param target values on a regular grid, NaN where missing.
 * @param candidates season lengths in points, ascending; those without two full cycles in `target` are passed over.
 */
export function inferSeason(target: Float64Array, candidates: readonly number[]): number {
  let season = 1;
  let best = seasonalDifference(target, 1);
  for (const candidate of candidates) {
    if (candidate < 2 || candidate * 2 > target.length) continue;
    const difference = seasonalDifference(target, candidate);
    if (difference < NEEDED_GAIN * best) [season, best] = [candidate, difference];
  }
  return season;
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
