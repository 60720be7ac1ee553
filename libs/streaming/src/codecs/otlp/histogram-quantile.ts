/**
 * The value below which a share of the observations in a histogram lies, by linear interpolation within the bucket, as
 * Prometheus' `histogram_quantile` has it: the first bucket begins at 0 (at its bound where that is not above 0), and
 * beyond the last bound the answer is the last bound. NaN where there is none.
 *
 * @param level in (0, 1)
 * @param counts observations a bucket, one more than there are bounds
 * @param bounds upper bounds, ascending
 */
export function histogramQuantile(level: number, counts: readonly number[], bounds: readonly number[]): number {
  if (bounds.length === 0 || counts.length !== bounds.length + 1) return Number.NaN;
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (!(total > 0)) return Number.NaN;
  const rank = level * total;
  let below = 0;
  for (const [i, count] of counts.entries()) {
    if (count > 0 && below + count >= rank) return within(bounds, i, (rank - below) / count);
    below += count;
  }
  return bounds.at(-1)!;
}

function within(bounds: readonly number[], bucket: number, share: number): number {
  if (bucket === bounds.length) return bounds[bucket - 1]!;
  const upper = bounds[bucket]!;
  if (bucket === 0 && upper <= 0) return upper;
  const lower = bucket === 0 ? 0 : bounds[bucket - 1]!;
  return lower + (upper - lower) * share;
}
