import { CANONICAL_LEVELS, normalQuantile } from '@app/series';
import { assumedDeviation, residualSpread } from './residual-spread.js';
import { studentQuantile } from './student-t.js';

const at = (spread: Float64Array, level: number) => spread[CANONICAL_LEVELS.indexOf(level)]!;

describe('residualSpread', () => {
  it('is symmetric around zero and ascends', () => {
    for (const count of [0, 1, 5, 39, 40, 500]) {
      const spread = residualSpread(
        Array.from({ length: count }, (_, i) => Math.sin(i * i)),
        1,
      );
      expect([...spread]).toEqual([...spread].sort((a, b) => a - b));
      spread.forEach((offset, i) => expect(offset).toBeCloseTo(-spread[spread.length - 1 - i]!, 12));
      expect(at(spread, 0.5)).toBe(0);
    }
  });

  it('without residuals is what is assumed, by Student with two degrees of freedom', () => {
    expect(at(residualSpread([], 10), 0.9)).toBeCloseTo(18.856, 3);
    expect(at(residualSpread([], 10), 0.975)).toBeCloseTo(43.027, 3);
  });

  it('with few residuals weighs what is assumed less and less', () => {
    // One residual of 2, and 10 assumed at weight 7/8: root of (4 + 87.5) / (15/8); three degrees of freedom.
    const one = residualSpread([2], 10);
    expect(at(one, 0.9)).toBeCloseTo(Math.sqrt(91.5 / 1.875) * studentQuantile(0.9, 3), 10);
    const eight = residualSpread(
      Array.from({ length: 8 }, () => 2),
      1e9,
    );
    expect(at(eight, 0.9)).toBeCloseTo(2 * studentQuantile(0.9, 10), 10);
  });

  it('with many residuals takes their own quantiles', () => {
    // 1 … 99 with both signs: a share of c of their sizes is at most c · 100.
    const residuals = Array.from({ length: 99 }, (_, i) => (i % 2 === 0 ? 1 : -1) * (i + 1));
    const spread = residualSpread(residuals, 1e9);
    expect(at(spread, 0.9)).toBeCloseTo(80, 10);
    expect(at(spread, 0.05)).toBeCloseTo(-90, 10);
    expect(at(spread, 0.975)).toBeCloseTo(95, 10);
  });

  it('covers what it says for normal residuals, however many there are', () => {
    const random = gaussian(7);
    for (const count of [4, 12, 39, 40, 100]) {
      let inside = 0;
      const trials = 4000;
      for (let trial = 0; trial < trials; trial++) {
        const spread = residualSpread(Array.from({ length: count }, random), 1);
        if (Math.abs(random()) <= at(spread, 0.9)) inside++;
      }
      // At least 80 %, and not much more: little evidence is allowed to be wide.
      expect(inside / trials).toBeGreaterThan(0.78);
      expect(inside / trials).toBeLessThan(count < 10 ? 0.9 : 0.84);
    }
  });
});

describe('assumedDeviation', () => {
  it.each([
    ['one point', [6], 3],
    ['equal points', [6, 6, 6], 3],
    ['a zero', [0], 1],
    ['zeros', [0, 0], 1],
    ['points and a gap', [1, Number.NaN, 3], 1],
    ['equal points whose mean is rounded', [0.1, 0.1, 0.1], 0.05],
  ])('for %s', (_, points, expected) => {
    expect(assumedDeviation(Float64Array.from(points))).toBeCloseTo(expected, 12);
  });
});

/** Normal numbers from a seed: a linear congruential generator through the inverse distribution. */
function gaussian(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return normalQuantile(state / 2_147_483_647);
  };
}
