/** A history of fewer points counts as one of so many: a series that has just begun is not loud about each new extreme. */
const LEAST_HISTORY = 300;

/**
 * One strangeness from the surprises of several voters: half their mean, which is calm, and half the loudest, which alone
 * may know; as a share of the most surprise that the history allows, log10(n + 1), so that one threshold serves series of
 * a thousand points and of a hundred thousand. In [0, 1].
 *
 * @param surprises −log10 p, one a voter. @param points that surprise is measured against (`n`, at most the memory).
 */
export function fuse(surprises: Float64Array, points: number): number {
  let sum = 0;
  let loudest = 0;
  for (let i = 0; i < surprises.length; i++) {
    const surprise = surprises[i]!;
    sum += surprise;
    if (surprise > loudest) loudest = surprise;
  }
  return (sum / surprises.length + loudest) / 2 / Math.log10(Math.max(points, LEAST_HISTORY) + 1);
}
