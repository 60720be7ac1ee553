import { countCrossings, uncross, type NonCrossing } from './non-crossing.js';
import { pinball } from './pinball.js';
import { seededRandom } from './random.js';

const METHODS: readonly NonCrossing[] = ['sort', 'isotonic', 'median-out'];
const row = (...values: number[]) => Float64Array.from(values);

describe('uncross', () => {
  it('by hand: sorts, pools adjacent violators, holds the median', () => {
    expect([...uncross(row(3, 1, 2, 5, 4), 5, 'sort')]).toEqual([1, 2, 3, 4, 5]);
    // 3, 1, 2 pool to 2; 5, 4 pool to 4.5.
    expect([...uncross(row(3, 1, 2, 5, 4), 5, 'isotonic')]).toEqual([2, 2, 2, 4.5, 4.5]);
    expect([...uncross(row(3, 1, 2, 5, 4), 5, 'median-out')]).toEqual([1, 1, 2, 5, 5]);
  });

  it('agrees with the min-max formula of isotonic regression (Robertson et al. 1988)', () => {
    const random = seededRandom(3);
    for (let trial = 0; trial < 50; trial++) {
      const values = Array.from({ length: 13 }, () => Math.round(20 * random()));
      const mean = (from: number, to: number) =>
        values.slice(from, to + 1).reduce((sum, value) => sum + value, 0) / (to + 1 - from);
      const expected = values.map((_, i) => {
        const least = (from: number) => Math.min(...values.slice(i).map((_, to) => mean(from, i + to)));
        return Math.max(...values.slice(0, i + 1).map((_, from) => least(from)));
      });
      const pooled = uncross(Float64Array.from(values), 13, 'isotonic');
      pooled.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 10));
    }
  });

  it.each(METHODS)('%s: no crossing ever leaves, whatever the numbers', (method) => {
    const random = seededRandom(7);
    for (let trial = 0; trial < 2_000; trial++) {
      const magnitude = 10 ** (24 * random() - 12);
      const offset = trial % 3 === 0 ? 1e12 : 0;
      const values = Float64Array.from({ length: 39 }, () => offset + magnitude * (random() - 0.5));
      expect(countCrossings(uncross(values, 13, method), 13)).toBe(0);
    }
  });

  it.each(METHODS)('%s leaves ascending quantiles exactly as they are', (method) => {
    const values = row(0.1, 0.1, 0.3, 1e12, 1e12 + 0.25);
    expect([...uncross(values.slice(), 5, method)]).toEqual([...values]);
  });

  it('sorting and pooling never raise the loss', () => {
    const random = seededRandom(11);
    const levels = [0.1, 0.3, 0.5, 0.7, 0.9];
    const loss = (quantiles: Float64Array, actual: number) =>
      levels.reduce((sum, level, i) => sum + pinball(actual, quantiles[i]!, level), 0);
    for (let trial = 0; trial < 500; trial++) {
      const values = Float64Array.from({ length: 5 }, random);
      const actual = 2 * random() - 0.5;
      for (const method of ['sort', 'isotonic'] as const) {
        expect(loss(uncross(values.slice(), 5, method), actual)).toBeLessThanOrEqual(loss(values, actual) + 1e-12);
      }
    }
  });
});
