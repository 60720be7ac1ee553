import { CANONICAL_LEVELS } from '@app/series';

import { textbookSeasonalNaive } from './textbook-naive.js';

const WIDTH = CANONICAL_LEVELS.length;
const gap = Number.NaN;
const naive = (context: readonly number[], season: number, horizon: number) =>
  textbookSeasonalNaive(Float64Array.from(context), season, horizon);
const at = (quantiles: Float64Array, step: number, level: number) =>
  quantiles[(step - 1) * WIDTH + CANONICAL_LEVELS.indexOf(level)]!;

describe('textbookSeasonalNaive', () => {
  it('repeats the last cycle', () => {
    expect([...naive([1, 2, 3, 4, 5, 7], 3, 7).mean]).toEqual([4, 5, 7, 4, 5, 7, 4]);
  });

  it('has normal intervals that widen with the root of the cycles', () => {
    // Seasonal differences 3, 3 and 4: σ = √(34/3).
    const { quantiles } = naive([1, 2, 3, 4, 5, 7], 3, 7);
    const sigma = Math.sqrt(34 / 3);
    expect(at(quantiles, 1, 0.975) - 4).toBeCloseTo(1.959963984540054 * sigma, 7);
    expect(at(quantiles, 4, 0.975) - 4).toBeCloseTo(1.959963984540054 * sigma * Math.SQRT2, 7);
    expect(at(quantiles, 7, 0.9) - 4).toBeCloseTo(1.2815515655446004 * sigma * Math.sqrt(3), 7);
    expect(at(quantiles, 2, 0.5)).toBeCloseTo(5, 9);
  });

  it('fills a gap in the last cycle from the one before, and a phase never seen with the last value', () => {
    expect([...naive([1, gap, 2, gap, gap, gap, gap, 4], 4, 4).mean]).toEqual([1, 4, 2, 4]);
  });

  it('repeats the last value where there is no more than a cycle', () => {
    const { mean, quantiles } = naive([1, 3, 2], 3, 2);
    expect([...mean]).toEqual([2, 2]);
    expect(at(quantiles, 2, 0.975) - 2).toBeCloseTo(1.959963984540054 * Math.sqrt(2.5) * Math.SQRT2, 7);
  });
});
