/** Networks compute in single precision, and sum up in another order when other rows are in their batch. */
const OF_RANGE = 1e-4;
/** Everything else is computed in double precision, in the same order every time. */
const OF_MAGNITUDE = 1e-9;

/**
 * How far the numbers of a replay may be from those of the forecast, in the units of the series: a ten-thousandth of the
 * range that the forecast spans where a network went into it, and a billionth of its magnitude.
 *
 * @param quantiles of the stored forecast.
 * @param network whether any network went into it.
 */
export function toleranceOf(quantiles: readonly number[], network: boolean): number {
  let [lowest, highest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of quantiles) {
    lowest = Math.min(lowest, value);
    highest = Math.max(highest, value);
  }
  const magnitude = Math.max(Math.abs(lowest), Math.abs(highest));
  return (network ? OF_RANGE * (highest - lowest) : 0) + OF_MAGNITUDE * magnitude;
}

/** The largest distance of two lists of numbers, place by place. */
export function largestDifference(some: ArrayLike<number>, others: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < some.length; i++) largest = Math.max(largest, Math.abs(some[i]! - others[i]!));
  return largest;
}
