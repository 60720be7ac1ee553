import {
  CANONICAL_LEVELS,
  coverageToLevels,
  meanOfQuantiles,
  normalQuantile,
  quantilesAt,
  sortQuantiles,
} from './quantile.js';

const normal = CANONICAL_LEVELS.map((level) => 10 + 2 * normalQuantile(level));

describe('normalQuantile', () => {
  // Reference values from scipy.stats.norm.ppf.
  it.each([
    [0.001, -3.090232306167813],
    [0.025, -1.959963984540054],
    [0.3, -0.5244005127080409],
    [0.5, 0],
    [0.975, 1.959963984540054],
    [0.9999, 3.719016485455709],
  ])('of %d is %d', (level, expected) => {
    expect(normalQuantile(level)).toBeCloseTo(expected, 8);
  });
});

describe('coverageToLevels', () => {
  it('gives levels that are keys, free of rounding dust', () => {
    expect(coverageToLevels(0.8)).toEqual([0.1, 0.9]);
    expect(coverageToLevels(0.95)).toEqual([0.025, 0.975]);
  });
});

describe('quantilesAt', () => {
  it('returns canonical levels untouched', () => {
    expect([...quantilesAt(normal, CANONICAL_LEVELS)]).toEqual(normal);
  });

  it('interpolates between levels', () => {
    expect(quantilesAt(normal, [0.25])[0]).toBeCloseTo((normal[3]! + normal[4]!) / 2, 12);
  });

  it('extends the tails as a normal distribution does', () => {
    expect(quantilesAt(normal, [0.005])[0]).toBeCloseTo(10 + 2 * normalQuantile(0.005), 8);
    expect(quantilesAt(normal, [0.995])[0]).toBeCloseTo(10 + 2 * normalQuantile(0.995), 8);
  });

  it('never crosses over a fine grid of levels', () => {
    const levels = Array.from({ length: 999 }, (_, i) => (i + 1) / 1000);
    const values = quantilesAt(normal, levels);
    for (let i = 1; i < values.length; i++) expect(values[i]!).toBeGreaterThanOrEqual(values[i - 1]!);
  });

  it('keeps steps apart', () => {
    const twoSteps = [...normal, ...normal.map((value) => value + 100)];
    expect([...quantilesAt(twoSteps, [0.5])]).toEqual([10, 110]);
  });
});

describe('meanOfQuantiles', () => {
  it('of a symmetric distribution is its median', () => {
    expect(meanOfQuantiles(normal)[0]).toBeCloseTo(10, 9);
  });

  it('of an exponential distribution is near 1', () => {
    const exponential = CANONICAL_LEVELS.map((level) => -Math.log(1 - level));
    expect(Math.abs(meanOfQuantiles(exponential)[0]! - 1)).toBeLessThan(0.03);
  });

  it('keeps the last digits of a counter near 1e12', () => {
    expect(meanOfQuantiles(CANONICAL_LEVELS.map(() => 1e12 + 7))[0]).toBe(1e12 + 7);
  });
});

describe('sortQuantiles', () => {
  it('sorts within a step and never across', () => {
    expect([...sortQuantiles(Float64Array.of(3, 1, 2, 0, -1, 5), 3)]).toEqual([1, 2, 3, -1, 0, 5]);
  });
});
