import { augursMstl, fitAndPredict } from './augurs.js';
import type { BaselineInput } from './baselines.js';
import { fillGaps } from './fill-gaps.js';
import { observedPoints } from './observed-points.js';

/** Of the slots, as interpolation between few points would be decomposed as if it were data. */
const LEAST_OBSERVED = 0.6;

/** Why the decomposition does not apply; undefined where it does. */
export function whyNoMstl(input: BaselineInput): string | undefined {
  const { target, season } = input;
  if (season < 2) return 'mstl needs a season, and none was found';
  if (target.length <= 2 * season)
    return `mstl needs more than two seasons of ${season}, there are ${target.length} points`;
  if (observedPoints(input) < LEAST_OBSERVED * target.length)
    return `mstl needs ${LEAST_OBSERVED * 100} % of the points observed`;
  return undefined;
}

/**
 * Decomposition into trend and every season of which there are two cycles, the trend continued by exponential smoothing.
 * Gaps are filled first, as it needs complete data.
 *
 * @returns horizon × 13 quantiles, row-major.
 * @throws Error when it does not apply or can't be fitted.
 */
export function mstl(input: BaselineInput): Float64Array {
  const reason = whyNoMstl(input);
  if (reason) throw new Error(reason);
  const { target, season, periods, horizon } = input;
  const used = [...new Set([season, ...periods])].filter((period) => period * 2 < target.length).sort((a, b) => a - b);
  return fitAndPredict(augursMstl(used), fillGaps(target, season), horizon);
}
