/** An affine map between the units of a series and the scaled space of a network. */
export interface Scaler {
  readonly loc: number;
  readonly scale: number;
}

/** A window that moves by less than a few units in the last place of float64 is constant: its noise is rounding. */
const RELATIVE_FLOOR = 1e-13;
const ABSOLUTE_FLOOR = 1e-30;

/**
 * Mean and population standard deviation of the observed values, computed in two passes in float64 so that a counter
 * near 1e12 keeps its last digits.
 *
 * @param target NaN where missing. Without any observed value the map is the identity.
 */
export function fitScaler(target: Float64Array): Scaler {
  let count = 0;
  let sum = 0;
  for (const value of target) {
    if (Number.isNaN(value)) continue;
    sum += value;
    count++;
  }
  if (count === 0) return { loc: 0, scale: 1 };

  const loc = sum / count;
  let squares = 0;
  for (const value of target) if (!Number.isNaN(value)) squares += (value - loc) ** 2;
  const scale = Math.max(Math.sqrt(squares / count), RELATIVE_FLOOR * Math.abs(loc), ABSOLUTE_FLOOR);
  return { loc, scale };
}
