import { CANONICAL_LEVELS } from '@app/series';
import { drift, seasonalNaive, type BaselineInput } from './baselines.js';
import { residualSpread } from './residual-spread.js';

const WIDTH = CANONICAL_LEVELS.length;
const input = (target: readonly number[], season: number, horizon: number): BaselineInput => ({
  target: Float64Array.from(target),
  season,
  periods: [],
  horizon,
});
const column = (quantiles: Float64Array, level: number) =>
  [...quantiles].filter((_, i) => i % WIDTH === CANONICAL_LEVELS.indexOf(level));
const medians = (quantiles: Float64Array) => column(quantiles, 0.5);
const widths = (quantiles: Float64Array) =>
  column(quantiles, 0.9).map((upper, step) => upper - column(quantiles, 0.1)[step]!);
const gap = Number.NaN;

describe('seasonalNaive', () => {
  it('repeats the last cycle', () => {
    expect(medians(seasonalNaive(input([9, 9, 9, 1, 2, 3], 3, 7)))).toEqual([1, 2, 3, 1, 2, 3, 1]);
  });

  it('repeats the last value without a season, or without a full cycle', () => {
    expect(medians(seasonalNaive(input([1, 2, 3], 1, 2)))).toEqual([3, 3]);
    expect(medians(seasonalNaive(input([1, 2, 3], 4, 2)))).toEqual([3, 3]);
  });

  it('answers from one point', () => {
    const quantiles = seasonalNaive(input([8], 24, 3));
    expect(medians(quantiles)).toEqual([8, 8, 8]);
    // Half the value is assumed, ±1.886 of it: 80 %.
    expect(widths(quantiles)[0]).toBeCloseTo(2 * 4 * 1.8856, 3);
  });

  it('widens by the root of the number of cycles, counted from where the value was observed', () => {
    const quantiles = seasonalNaive(input([1, 5, 2, 7, 3, 4, 8, 1], 2, 6));
    const [w1] = widths(quantiles);
    const expected = [1, 1, Math.SQRT2, Math.SQRT2, Math.sqrt(3), Math.sqrt(3)];
    widths(quantiles).forEach((width, step) => expect(width / w1!).toBeCloseTo(expected[step]!, 12));
  });

  it('takes the cycle before where the last one has a gap, and is as much wider', () => {
    const quantiles = seasonalNaive(input([1, 2, 3, 4, gap, 6], 2, 2));
    expect(medians(quantiles)).toEqual([3, 6]);
    const [first, second] = widths(quantiles);
    expect(first! / second!).toBeCloseTo(Math.SQRT2, 12);
  });

  it('takes the last value for a phase that was never observed', () => {
    expect(medians(seasonalNaive(input([gap, 2, gap, 4], 2, 2)))).toEqual([4, 4]);
  });

  it('has the spread of its own errors in sample', () => {
    const target = Array.from({ length: 100 }, (_, i) => (i % 4) * 10 + Math.sin(i * i));
    const errors = target.slice(4).map((value, i) => value - target[i]!);
    const spread = residualSpread(errors, 1);
    const [quantiles] = [seasonalNaive(input(target, 4, 1))];
    quantiles.forEach((value, i) => expect(value).toBeCloseTo(target[96]! + spread[i]!, 12));
  });

  it('counts a gap of two steps as two steps of the walk, without a season', () => {
    // Rises of 2 over four points each, as 1 a point by the root of time: the same spread as single steps of 1.
    const sparse = Array.from({ length: 200 }, (_, i) => (i % 4 === 0 ? (i / 4) % 2 : 0) * 2 + (i % 4 === 0 ? 0 : gap));
    const dense = Array.from({ length: 50 }, (_, i) => i % 2);
    const [sparseWidth] = widths(seasonalNaive(input([...sparse, sparse[0]!], 1, 1)));
    const [denseWidth] = widths(seasonalNaive(input([...dense, dense[0]!], 1, 1)));
    expect(sparseWidth).toBeCloseTo(denseWidth!, 12);
  });
});

describe('drift', () => {
  it('continues the line through the first and the last value', () => {
    expect(medians(drift(input([1, 9, 4], 1, 3)))).toEqual([5.5, 7, 8.5]);
  });

  it('counts gaps as time', () => {
    expect(medians(drift(input([gap, 1, gap, gap, 4, gap], 1, 2)))).toEqual([6, 7]);
  });

  it('repeats one point', () => {
    const quantiles = drift(input([8], 1, 4));
    expect(medians(quantiles)).toEqual([8, 8, 8, 8]);
    expect(widths(quantiles)[3]! / widths(quantiles)[0]!).toBeCloseTo(2, 12);
  });

  it('widens with √(h(1 + h/(n−1)))', () => {
    const n = 30;
    const quantiles = drift(
      input(
        Array.from({ length: n }, (_, i) => Math.sin(i * i)),
        1,
        20,
      ),
    );
    const growth = (h: number) => Math.sqrt(h * (1 + h / (n - 1)));
    const [w1] = widths(quantiles);
    widths(quantiles).forEach((width, i) => expect(width / w1!).toBeCloseTo(growth(i + 1) / growth(1), 10));
  });

  it('is certain of a straight line once it is long enough', () => {
    const quantiles = drift(
      input(
        Array.from({ length: 12 }, (_, i) => 3 * i),
        1,
        2,
      ),
    );
    expect([...quantiles]).toEqual([
      ...Array.from({ length: WIDTH }, () => 36),
      ...Array.from({ length: WIDTH }, () => 39),
    ]);
  });
});
