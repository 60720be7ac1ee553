import { CANONICAL_LEVELS } from '@app/series';
import { assumedDeviation, residualSpread } from './residual-spread.js';

const WIDTH = CANONICAL_LEVELS.length;
/** Points from which a forecast has to be made for its errors to count. */
const FEWEST_POINTS = 3;

/** How far the truth lies from the points of a forecast, by what earlier forecasts of the same series missed. */
export interface ErrorSpread {
  /** Offsets of the 13 quantiles from the point at a lead, 1 and more. */
  at(lead: number): Float64Array;
  /** Earlier forecasts whose errors went into it; 0 where only the spread of the series itself was left to assume. */
  readonly origins: number;
}

/** How many points each earlier forecast is cut off before the end of the series. */
export function cutsOf(length: number, steps: number, count: number): number[] {
  // Two horizons back, so that the furthest step was seen by more than one; and never more than half the series.
  const furthest = Math.max(1, Math.min(2 * steps, Math.floor(length / 2)));
  return Array.from({ length: count }, (_, i) => Math.ceil((furthest * (i + 1)) / count));
}

/**
 * The spread of the errors of earlier forecasts. Errors are pooled over leads that double: 1, 2–3, 4–7, …; each pool gives
 * the offsets of `residualSpread`; a further lead never has a smaller one than a nearer, and beyond the furthest lead that
 * came true they grow with the root of time. Without any error: what a series of this spread suggests, at every lead.
 *
 * @param target NaN where missing, at least one value.
 * @param cuts how many points before its end each forecast was made.
 * @param forecasts one a cut, one point a step.
 */
export function errorSpread(
  target: Float64Array,
  cuts: readonly number[],
  forecasts: readonly Float64Array[],
): ErrorSpread {
  const pools: number[][] = [];
  let origins = 0;
  for (const [i, cut] of cuts.entries()) {
    // A short series has the same cut more than once.
    if (cut === cuts[i - 1]) continue;
    const origin = target.length - cut;
    if (observedUpTo(target, origin) < FEWEST_POINTS) continue;
    let counts = false;
    for (let lead = 1; lead <= Math.min(cut, forecasts[i]!.length); lead++) {
      const error = target[origin + lead - 1]! - forecasts[i]![lead - 1]!;
      if (!Number.isFinite(error)) continue;
      (pools[poolOf(lead)] ??= []).push(error);
      counts = true;
    }
    if (counts) origins++;
  }
  const assumed = assumedDeviation(target);
  if (origins === 0) {
    const spread = residualSpread([], assumed);
    return { origins, at: () => spread };
  }
  const spreads = growing(pools, assumed);
  const last = spreads.length - 1;
  return {
    origins,
    at: (lead) => {
      const pool = poolOf(lead);
      if (pool <= last) return spreads[pool]!;
      return spreads[last]!.map((offset) => offset * Math.sqrt(2 ** (pool - last)));
    },
  };
}

/** Points with their spread around them: steps × 13, row-major. */
export function aroundPoints(points: Float64Array, spread: ErrorSpread): Float64Array {
  const quantiles = new Float64Array(points.length * WIDTH);
  points.forEach((point, step) => {
    const offsets = spread.at(step + 1);
    for (let i = 0; i < WIDTH; i++) quantiles[step * WIDTH + i] = point + offsets[i]!;
  });
  return quantiles;
}

/** Leads 1, 2–3, 4–7, … */
function poolOf(lead: number): number {
  return Math.floor(Math.log2(lead));
}

/** The spread of each pool; one without errors has that of the pool before. */
function growing(pools: readonly (readonly number[] | undefined)[], assumed: number): Float64Array[] {
  let before: Float64Array = new Float64Array(WIDTH);
  return Array.from(pools, (pool) => {
    if (!pool) return before;
    const own = residualSpread(pool, assumed);
    before = own.map((offset, i) => (Math.abs(offset) > Math.abs(before[i]!) ? offset : before[i]!));
    return before;
  });
}

function observedUpTo(target: Float64Array, end: number): number {
  let count = 0;
  for (let i = 0; i < end && count < FEWEST_POINTS; i++) if (!Number.isNaN(target[i]!)) count++;
  return count;
}
