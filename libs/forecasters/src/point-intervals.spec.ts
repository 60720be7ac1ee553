import { CANONICAL_LEVELS } from '@app/series';
import { gaussian, series } from './fixtures/series.js';
import { aroundPoints, cutsOf, errorSpread } from './point-intervals.js';

const UPPER = CANONICAL_LEVELS.indexOf(0.9);
const MEDIAN = CANONICAL_LEVELS.indexOf(0.5);
const repeatLast = (target: Float64Array, cuts: readonly number[], steps: number) =>
  cuts.map((cut) => new Float64Array(steps).fill(target[target.length - cut - 1] ?? 0));

describe('cutsOf', () => {
  it('look two horizons back, evenly', () => {
    expect(cutsOf(512, 24, 8)).toEqual([6, 12, 18, 24, 30, 36, 42, 48]);
  });

  it('leave half of a short series', () => {
    expect(cutsOf(20, 96, 5)).toEqual([2, 4, 6, 8, 10]);
    expect(cutsOf(1, 96, 3)).toEqual([1, 1, 1]);
  });
});

describe('errorSpread', () => {
  it('grows as the errors of a random walk do', () => {
    const noise = gaussian(5);
    let sum = 0;
    const target = series(2000, () => (sum += noise()));
    const cuts = cutsOf(2000, 500, 100);
    const spread = errorSpread(target, cuts, repeatLast(target, cuts, 500));
    expect(spread.origins).toBe(100);
    const ratio = spread.at(300)[UPPER]! / spread.at(3)[UPPER]!;
    // Between pools 256–511 and 2–3: about √(384/2.5).
    expect(ratio).toBeGreaterThan(5);
    expect(ratio).toBeLessThan(25);
  });

  it('never narrows, and grows with the root of time beyond what came true', () => {
    const target = series(40, (t) => t % 7);
    const cuts = cutsOf(40, 4, 4);
    const spread = errorSpread(target, cuts, repeatLast(target, cuts, 4));
    const widths = [1, 2, 4, 8, 16, 32].map((lead) => spread.at(lead)[UPPER]!);
    widths.slice(1).forEach((width, i) => expect(width).toBeGreaterThanOrEqual(widths[i]!));
    expect(widths[5]! / widths[4]!).toBeCloseTo(Math.SQRT2, 9);
  });

  it('passes over gaps, and over origins with too little before them', () => {
    const target = Float64Array.of(1, 2, 3, Number.NaN, 5, 6);
    const spread = errorSpread(target, [1, 3, 5], [Float64Array.of(6), Float64Array.of(4, 5, 6), Float64Array.of(9)]);
    expect(spread.origins).toBe(2);
  });

  it('assumes the spread of the series where there is nothing to look back on', () => {
    const spread = errorSpread(Float64Array.of(1, 3), [1, 1], [Float64Array.of(1), Float64Array.of(1)]);
    expect(spread.origins).toBe(0);
    expect(spread.at(1)[MEDIAN]).toBe(0);
    expect(spread.at(1)[UPPER]).toBeCloseTo(1.8856, 3);
    expect(spread.at(50)).toEqual(spread.at(1));
  });
});

describe('aroundPoints', () => {
  it('puts the offsets of each lead around its point', () => {
    const at = (lead: number) => Float64Array.from(CANONICAL_LEVELS, (level) => lead * (level - 0.5));
    const quantiles = aroundPoints(Float64Array.of(10, 20), { at, origins: 1 });
    expect(quantiles[UPPER]).toBeCloseTo(10.4, 12);
    expect(quantiles[CANONICAL_LEVELS.length + UPPER]).toBeCloseTo(20.8, 12);
  });
});
