import { assumedDeviation, residualSpread, spreadAround } from './residual-spread.js';

/** What a baseline forecasts from. */
export interface BaselineInput {
  /** One value a grid point, oldest first; NaN where missing; at least one value. */
  readonly target: Float64Array;
  /** Points in the main season; 1 for none. */
  readonly season: number;
  /** All seasons that the spacing suggests, ascending; the main one among them where there is one. */
  readonly periods: readonly number[];
  /** Steps, at least 1. */
  readonly horizon: number;
}

/**
 * Repeats the last observed value of each phase of the season. Each cycle further ahead is one more step of a random walk
 * of cycles: the width grows with the root of the number of cycles, ⌊(h−1)/season⌋ + 1, counted from where the value was
 * observed (Hyndman & Athanasopoulos, FPP3, §5.5). Without a season, or a full cycle, it repeats the last value.
 *
 * @returns horizon × 13 quantiles, row-major; the median is the point forecast.
 */
export function seasonalNaive({ target, season, horizon }: BaselineInput): Float64Array {
  const cycle = season > 1 && target.length >= season ? season : 1;
  const residuals =
    cycle > 1 ? seasonalDifferences(target, cycle) : steps(target).map(({ rise, gap }) => rise / Math.sqrt(gap));
  const spread = residualSpread(residuals, assumedDeviation(target));
  const sources = Array.from({ length: Math.min(cycle, horizon) }, (_, phase) => sourceOf(target, cycle, phase));
  return spreadAround(
    horizon,
    spread,
    (step) => sources[(step - 1) % cycle]!.value,
    (step) => Math.sqrt(Math.floor((step - 1) / cycle) + sources[(step - 1) % cycle]!.cycles),
  );
}

/**
 * The line through the first and the last observed value, continued. The width grows with √(h(1 + h/(n−1))): the random
 * walk's and that of the slope (FPP3, §5.5). With one point: that value, and √h.
 *
 * @returns horizon × 13 quantiles, row-major; the median is the point forecast.
 */
export function drift({ target, horizon }: BaselineInput): Float64Array {
  const first = target.findIndex((value) => !Number.isNaN(value));
  const last = target.findLastIndex((value) => !Number.isNaN(value));
  const span = last - first;
  const slope = span === 0 ? 0 : (target[last]! - target[first]!) / span;
  const residuals = steps(target).map(({ rise, gap }) => (rise - gap * slope) / Math.sqrt(gap));
  const spread = residualSpread(residuals, assumedDeviation(target));
  const age = target.length - 1 - last;
  return spreadAround(
    horizon,
    spread,
    (step) => target[last]! + (step + age) * slope,
    (step) => Math.sqrt((step + age) * (1 + (span === 0 ? 0 : (step + age) / span))),
  );
}

/** Last observed value of a phase, and how many cycles before the first forecast one it lies. */
function sourceOf(target: Float64Array, cycle: number, phase: number): { value: number; cycles: number } {
  let cycles = 1;
  for (let i = target.length - cycle + phase; i >= 0; i -= cycle, cycles++) {
    if (!Number.isNaN(target[i]!)) return { value: target[i]!, cycles };
  }
  // A phase that was never observed: the last value is the best guess, and as uncertain as the oldest would be.
  return { value: target[target.findLastIndex((value) => !Number.isNaN(value))]!, cycles };
}

/** Differences of values one cycle apart, where both are observed. */
function seasonalDifferences(target: Float64Array, cycle: number): number[] {
  const differences: number[] = [];
  for (let t = cycle; t < target.length; t++) {
    const difference = target[t]! - target[t - cycle]!;
    if (!Number.isNaN(difference)) differences.push(difference);
  }
  return differences;
}

/** From each observed value to the next one: by how much, over how many points. */
function steps(target: Float64Array): { rise: number; gap: number }[] {
  const result: { rise: number; gap: number }[] = [];
  let before = -1;
  target.forEach((value, t) => {
    if (Number.isNaN(value)) return;
    if (before >= 0) result.push({ rise: value - target[before]!, gap: t - before });
    before = t;
  });
  return result;
}
