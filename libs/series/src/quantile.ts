/** The levels at which every model answers and every forecast is stored. */
export const CANONICAL_LEVELS: readonly number[] = [
  0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975,
];
const MEDIAN = CANONICAL_LEVELS.indexOf(0.5);

/** The two levels that bound a central interval: coverage 0.8 gives 0.1 and 0.9. */
export function coverageToLevels(coverage: number): [lower: number, upper: number] {
  // Rounded, as 1 − 0.8 is 0.19999999999999996 and a level is a key in JSON.
  const tail = Number(((1 - coverage) / 2).toFixed(10));
  return [tail, Number((1 - tail).toFixed(10))];
}

/**
 * Quantiles at any levels from those at the canonical ones: linear between two levels; beyond the outermost the distance
 * from the median grows as a normal distribution's does.
 *
 * @param quantiles steps × 13 canonical values, row-major, ascending within a step.
 * @param levels wanted levels in (0, 1).
 * @returns steps × levels.length values, row-major.
 */
export function quantilesAt(quantiles: ArrayLike<number>, levels: readonly number[]): Float64Array {
  const width = CANONICAL_LEVELS.length;
  const steps = quantiles.length / width;
  const result = new Float64Array(steps * levels.length);
  levels.forEach((level, column) => {
    const [left, right, weight] = interpolation(level);
    for (let step = 0; step < steps; step++) {
      const a = quantiles[step * width + left]!;
      const b = quantiles[step * width + right]!;
      result[step * levels.length + column] = weight === 0 ? a : a + weight * (b - a);
    }
  });
  return result;
}

/** Which two canonical columns give a level, and how much of the way from the first to the second to go. */
function interpolation(level: number): [left: number, right: number, weight: number] {
  const exact = CANONICAL_LEVELS.indexOf(level);
  if (exact >= 0) return [exact, exact, 0];

  const last = CANONICAL_LEVELS.length - 1;
  if (level < CANONICAL_LEVELS[0]!) return [MEDIAN, 0, normalQuantile(level) / normalQuantile(CANONICAL_LEVELS[0]!)];
  if (level > CANONICAL_LEVELS[last]!) {
    return [MEDIAN, last, normalQuantile(level) / normalQuantile(CANONICAL_LEVELS[last]!)];
  }
  const right = CANONICAL_LEVELS.findIndex((candidate) => candidate > level);
  const [a, b] = [CANONICAL_LEVELS[right - 1]!, CANONICAL_LEVELS[right]!];
  return [right - 1, right, (level - a) / (b - a)];
}

/** Share of the probability that each canonical level stands for: half-way to its neighbours, to 0 and 1 at the ends. */
const MEAN_WEIGHTS = CANONICAL_LEVELS.map((_, i) => {
  const below = i === 0 ? 0 : (CANONICAL_LEVELS[i - 1]! + CANONICAL_LEVELS[i]!) / 2;
  const above = i === CANONICAL_LEVELS.length - 1 ? 1 : (CANONICAL_LEVELS[i]! + CANONICAL_LEVELS[i + 1]!) / 2;
  return above - below;
});

/**
 * The mean of each step: the integral of its quantile function.
 *
 * @param quantiles steps × 13 canonical values, row-major.
 */
export function meanOfQuantiles(quantiles: ArrayLike<number>): Float64Array {
  const width = CANONICAL_LEVELS.length;
  return Float64Array.from({ length: quantiles.length / width }, (_, step) => {
    // Around the median, so that a counter near 1e12 keeps its last digits.
    const median = quantiles[step * width + MEDIAN]!;
    return median + MEAN_WEIGHTS.reduce((sum, weight, i) => sum + weight * (quantiles[step * width + i]! - median), 0);
  });
}

/** Sorts the quantiles of each step in place, so that they never cross (Chernozhukov et al. 2010, rearrangement). */
export function sortQuantiles(quantiles: Float64Array, levels: number): Float64Array {
  for (let start = 0; start < quantiles.length; start += levels) quantiles.subarray(start, start + levels).sort();
  return quantiles;
}

// Coefficients of P. J. Acklam's rational approximation of the inverse normal distribution; relative error below 1.2e-9.
const A = [
  -3.969683028665376e1, 2.209460984245205e2, -2.759285104469687e2, 1.38357751867269e2, -3.066479806614716e1,
  2.506628277459239,
];
const B = [
  -5.447609879822406e1, 1.615858368580409e2, -1.556989798598866e2, 6.680131188771972e1, -1.328068155288572e1, 1,
];
const C = [
  -7.784894002430293e-3, -3.223964580411365e-1, -2.400758277161838, -2.549732539343734, 4.374664141464968,
  2.938163982698783,
];
const D = [7.784695709041462e-3, 3.224671290700398e-1, 2.445134137142996, 3.754408661907416, 1];
const horner = (coefficients: readonly number[], x: number) => coefficients.reduce((sum, c) => sum * x + c, 0);

/** The quantile of the standard normal distribution at a level in (0, 1). */
export function normalQuantile(level: number): number {
  if (level > 0.5) return -normalQuantile(1 - level);
  if (level < 0.02425) {
    const q = Math.sqrt(-2 * Math.log(level));
    return horner(C, q) / horner(D, q);
  }
  const q = level - 0.5;
  return (q * horner(A, q * q)) / horner(B, q * q);
}
