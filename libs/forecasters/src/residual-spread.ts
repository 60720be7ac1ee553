import { CANONICAL_LEVELS } from '@app/series';
import { studentQuantile } from './student-t.js';

/** From here on the residuals' own quantiles are used: 40 give the outermost level, 2.5 %, one residual in each tail. */
const MANY = 40;
/** Residuals after which what we assume about an unknown series has no weight any more. */
const ENOUGH = 8;

/**
 * Offsets of the 13 canonical quantiles from a point forecast, out of the errors that the same method made in sample one
 * step ahead. Symmetric, as residuals of naive methods are differences of like things, and not centred, so that a bias
 * widens them.
 *
 * With 40 residuals and more: quantiles of their absolute values. With fewer: Student's t with two degrees of freedom
 * more than there are residuals, scaled by their root mean square, in which `assumed` counts as one more residual that
 * fades away until there are eight. Without any residual that is ±1.9 times `assumed` for an interval of 80 %, ±4.3
 * times for one of 95 %.
 *
 * @param residuals in the units of the series; finite.
 * @param assumed standard deviation to assume as long as little is known.
 */
export function residualSpread(residuals: readonly number[], assumed: number): Float64Array {
  const count = residuals.length;
  if (count >= MANY) {
    const sizes = Float64Array.from(residuals, Math.abs).sort();
    return Float64Array.from(
      CANONICAL_LEVELS,
      (level) => Math.sign(level - 0.5) * sizeAt(sizes, Math.abs(2 * level - 1)),
    );
  }
  const weight = Math.max(0, 1 - count / ENOUGH);
  const squares = residuals.reduce((sum, residual) => sum + residual ** 2, weight * assumed ** 2);
  const scale = Math.sqrt(squares / (count + weight));
  return Float64Array.from(CANONICAL_LEVELS, (level) => scale * studentQuantile(level, count + 2));
}

/** The size that a share of `coverage` of the residuals does not exceed; (n+1)-based, as the next one is not among them. */
function sizeAt(sorted: Float64Array, coverage: number): number {
  const position = Math.min(Math.max(coverage * (sorted.length + 1) - 1, 0), sorted.length - 1);
  const below = Math.floor(position);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below]! + (position - below) * (sorted[above]! - sorted[below]!);
}

/**
 * Standard deviation to assume for a series about which little is known: that of its points; where they are all equal,
 * or there is one, half their size; and 1 for zeros.
 *
 * @param target NaN where missing; at least one value.
 */
export function assumedDeviation(target: Float64Array): number {
  const values = target.filter((value) => !Number.isNaN(value));
  const mean = values.reduce((sum, value) => sum + value / values.length, 0);
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2 / values.length, 0);
  const deviation = Math.sqrt(variance);
  const size = Math.abs(values[0]!);
  // A mean that is rounded leaves a speck of deviation in equal values.
  return deviation > 1e-12 * size ? deviation : size / 2 || 1;
}

/**
 * Quantiles of all steps: `point(step) + spread × growth(step)`.
 *
 * @param horizon steps, 1-based in the callbacks.
 * @returns steps × 13, row-major.
 */
export function spreadAround(
  horizon: number,
  spread: Float64Array,
  point: (step: number) => number,
  growth: (step: number) => number,
): Float64Array {
  const width = spread.length;
  const quantiles = new Float64Array(horizon * width);
  for (let step = 1; step <= horizon; step++) {
    const centre = point(step);
    const factor = growth(step);
    for (let i = 0; i < width; i++) quantiles[(step - 1) * width + i] = centre + spread[i]! * factor;
  }
  return quantiles;
}
