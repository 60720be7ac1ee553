import { sortQuantiles } from '@app/series';

/** How quantiles that crossed are put in order: rearranged, averaged, or held back by the median. */
export type NonCrossing = 'sort' | 'isotonic' | 'median-out';

/**
 * Makes the quantiles of each step ascend, in place. Sorting and the isotonic projection never raise the pinball loss
 * summed over the levels (Chernozhukov et al. 2010; Fakoor et al. 2023); `median-out` leaves the median where it is.
 *
 * @param quantiles steps × width, row-major; finite.
 * @param width levels of a step, ascending.
 */
export function uncross(quantiles: Float64Array, width: number, method: NonCrossing = 'sort'): Float64Array {
  if (method === 'sort') return sortQuantiles(quantiles, width);
  const repair = method === 'isotonic' ? isotonic : medianOut;
  for (let start = 0; start < quantiles.length; start += width) repair(quantiles.subarray(start, start + width));
  return quantiles;
}

/** How often a quantile lies below the one of the level before it. */
export function countCrossings(quantiles: Float64Array, width: number): number {
  let crossings = 0;
  for (let i = 1; i < quantiles.length; i++) {
    if (i % width !== 0 && quantiles[i]! < quantiles[i - 1]!) crossings++;
  }
  return crossings;
}

/** The nearest ascending values in least squares, by pooling adjacent violators (Ayer et al. 1955). */
function isotonic(row: Float64Array): void {
  const means: number[] = [];
  const sizes: number[] = [];
  for (const value of row) {
    let [mean, size] = [value, 1];
    while (means.length > 0 && means.at(-1)! > mean) {
      const [before, count] = [means.pop()!, sizes.pop()!];
      // As a step from the one before: equal values stay exactly what they are.
      mean = before + ((mean - before) * size) / (size + count);
      size += count;
    }
    means.push(mean);
    sizes.push(size);
  }
  let at = 0;
  means.forEach((mean, block) => {
    row.fill(mean, at, (at += sizes[block]!));
  });
}

/** From the median outwards no quantile may come back across the one before it. */
function medianOut(row: Float64Array): void {
  const median = row.length >> 1;
  for (let i = median - 1; i >= 0; i--) row[i] = Math.min(row[i]!, row[i + 1]!);
  for (let i = median + 1; i < row.length; i++) row[i] = Math.max(row[i]!, row[i - 1]!);
}
