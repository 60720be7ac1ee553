import { CANONICAL_LEVELS, normalQuantile } from '@app/series';

const WIDTH = CANONICAL_LEVELS.length;
const MEDIAN = CANONICAL_LEVELS.indexOf(0.5);
/** Where a component begins, and a level on the way; beyond the outermost level its tail is that of a normal distribution. */
const ENDS = [0.001, 0.01];
const LEVELS = [...ENDS, ...CANONICAL_LEVELS, ...ENDS.map((level) => 1 - level).reverse()];
const TAILS = ENDS.map((level) => normalQuantile(level) / normalQuantile(CANONICAL_LEVELS[0]!));
const KNOTS = LEVELS.length;

/**
 * Quantiles of a mixture of distributions that are each given by their quantiles: the mixture's distribution function is
 * the weighted mean of theirs, piecewise linear between the levels, and is inverted exactly.
 *
 * @param components quantiles of each, steps × 13, row-major, ascending within a step.
 * @param weights one a component; they add up to 1.
 * @returns steps × 13, row-major.
 */
export function mixtureQuantiles(components: readonly Float64Array[], weights: readonly number[]): Float64Array {
  const steps = components[0]!.length / WIDTH;
  const result = new Float64Array(steps * WIDTH);
  const knots = components.map(() => new Float64Array(KNOTS));
  const places = new Float64Array(components.length * KNOTS);
  const masses = new Float64Array(places.length);
  for (let step = 0; step < steps; step++) {
    components.forEach((component, j) => {
      fillKnots(knots[j]!, component, step);
      places.set(knots[j]!, j * KNOTS);
    });
    places.sort();
    distribution(knots, weights, places, masses);
    invert(places, masses, result.subarray(step * WIDTH, (step + 1) * WIDTH));
  }
  return result;
}

function fillKnots(knots: Float64Array, component: Float64Array, step: number): void {
  const start = step * WIDTH;
  const median = component[start + MEDIAN]!;
  for (let i = 0; i < WIDTH; i++) knots[TAILS.length + i] = component[start + i]!;
  TAILS.forEach((tail, i) => {
    knots[i] = median + tail * (component[start]! - median);
    knots[KNOTS - 1 - i] = median + tail * (component[start + WIDTH - 1]! - median);
  });
}

/** The mixture's distribution function at ascending places. */
function distribution(
  knots: readonly Float64Array[],
  weights: readonly number[],
  places: Float64Array,
  masses: Float64Array,
): void {
  masses.fill(0);
  knots.forEach((own, j) => {
    let below = -1;
    for (let k = 0; k < places.length; k++) {
      const place = places[k]!;
      while (below + 1 < KNOTS && own[below + 1]! <= place) below++;
      masses[k] = masses[k]! + weights[j]! * massAt(own, below, place);
    }
  });
}

/** Distribution function of one component at a place, of which knot `below` is the last one that is not above it. */
function massAt(knots: Float64Array, below: number, place: number): number {
  if (below < 0) return 0;
  if (below === KNOTS - 1) return 1;
  const [left, right] = [knots[below]!, knots[below + 1]!];
  return LEVELS[below]! + ((place - left) / (right - left)) * (LEVELS[below + 1]! - LEVELS[below]!);
}

/** Fills in the places at which the distribution function reaches each canonical level. */
function invert(places: Float64Array, masses: Float64Array, result: Float64Array): void {
  let k = 0;
  CANONICAL_LEVELS.forEach((level, i) => {
    while (k < places.length - 1 && masses[k]! < level) k++;
    const [left, right] = [places[k - 1] ?? places[k]!, places[k]!];
    const [low, high] = [masses[k - 1] ?? 0, masses[k]!];
    // A jump of the function, where components have no width, is crossed on a line as well.
    result[i] = high > low && level < high ? left + ((level - low) / (high - low)) * (right - left) : right;
  });
}
