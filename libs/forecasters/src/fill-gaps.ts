/**
 * Fills gaps for models that need complete data: with the mean of the observed neighbours one cycle before and after
 * where there is a season, otherwise on the line between the neighbours in time; at the ends the nearest value.
 *
 * @param target NaN where missing; at least one value.
 * @param season points in a cycle; 1 for none.
 * @returns a new array without NaN.
 */
export function fillGaps(target: Float64Array, season: number): Float64Array {
  const filled = target.slice();
  if (season > 1) {
    target.forEach((value, t) => {
      if (Number.isNaN(value)) filled[t] = seasonalNeighbours(target, t, season);
    });
  }
  let before = -1;
  for (let t = 0; t <= filled.length; t++) {
    if (t < filled.length && Number.isNaN(filled[t]!)) continue;
    if (t - before > 1) fillLine(filled, before, t);
    before = t;
  }
  return filled;
}

function seasonalNeighbours(target: Float64Array, t: number, season: number): number {
  const neighbours = [t - season, t + season]
    .map((index) => target[index] ?? Number.NaN)
    .filter((value) => !Number.isNaN(value));
  // Halves are added, as the sum of two very large values need not be finite.
  return neighbours.length === 0 ? Number.NaN : neighbours.reduce((sum, value) => sum + value / neighbours.length, 0);
}

/** Fills the slots strictly between two known ones; -1 and the length stand for the ends. */
function fillLine(values: Float64Array, before: number, after: number): void {
  const left = values[before] ?? values[after]!;
  const right = values[after] ?? values[before]!;
  for (let t = before + 1; t < after; t++) values[t] = left + ((right - left) * (t - before)) / (after - before);
}
