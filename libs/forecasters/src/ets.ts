import { augursEts, fitAndPredict } from './augurs.js';
import type { BaselineInput } from './baselines.js';
import { fillGaps } from './fill-gaps.js';
import { observedPoints } from './observed-points.js';

/** Fewer points than this leave nothing to estimate a smoothing model from. */
const FEWEST_POINTS = 12;

/** Why exponential smoothing does not apply; undefined where it does. */
export function whyNoEts(input: BaselineInput): string | undefined {
  const observed = observedPoints(input);
  return observed < FEWEST_POINTS ? `ets needs ${FEWEST_POINTS} observed points, there are ${observed}` : undefined;
}

/**
 * Exponential smoothing without season. Gaps are filled first, as it needs complete data.
 *
 * @returns horizon × 13 quantiles, row-major.
 * @throws Error when it does not apply or can't be fitted.
 */
export function ets(input: BaselineInput): Float64Array {
  const reason = whyNoEts(input);
  if (reason) throw new Error(reason);
  return fitAndPredict(augursEts(), fillGaps(input.target, input.season), input.horizon);
}
