/** Between these no square overflows or vanishes, and the floors of the scaler are far below the values. */
const ORDINARY = { least: 1e-3, most: 1e100 };

/**
 * A power of two by which a series is divided before anything is computed, and its forecast multiplied afterwards:
 * 1 for ordinary magnitudes; for values near 1e-12 or 1e200 their own magnitude. Dividing by it loses no digit.
 *
 * @param target NaN where missing.
 */
export function magnitudeOf(target: Float64Array): number {
  let largest = 0;
  for (const value of target) if (Math.abs(value) > largest) largest = Math.abs(value);
  if (largest === 0 || (largest >= ORDINARY.least && largest <= ORDINARY.most)) return 1;
  return 2 ** Math.min(Math.max(-1000, Math.floor(Math.log2(largest))), 1000);
}

/** No forecast goes beyond, so that differences between its quantiles are finite too. */
const MOST = Number.MAX_VALUE / 4;

/** Multiplies in place; what would come near the largest double stops at a quarter of it. */
export function restoreMagnitude(values: Float64Array, magnitude: number): Float64Array {
  if (magnitude === 1) return values;
  for (let i = 0; i < values.length; i++) {
    values[i] = Math.min(Math.max(values[i]! * magnitude, -MOST), MOST);
  }
  return values;
}
