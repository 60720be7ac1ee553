import { CANONICAL_LEVELS, normalQuantile } from '@app/series';
import { mixtureQuantiles } from './mixture.js';

const normal = (mean: number, deviation: number, steps = 1) =>
  Float64Array.from({ length: steps * 13 }, (_, i) => mean + deviation * normalQuantile(CANONICAL_LEVELS[i % 13]!));

describe('mixtureQuantiles', () => {
  it('of equal components is that component', () => {
    const component = normal(5, 2, 3);
    const mixture = mixtureQuantiles([component, component, component], [0.2, 0.5, 0.3]);
    mixture.forEach((value, i) => expect(value).toBeCloseTo(component[i]!, 10));
  });

  it('of constants that are equal is that constant', () => {
    const component = new Float64Array(13).fill(7);
    expect(mixtureQuantiles([component, component], [0.5, 0.5])).toEqual(component);
  });

  it('has the quantiles of a large sample', () => {
    const [means, weights] = [
      [-4, 0, 3],
      [0.2, 0.5, 0.3],
    ];
    const mixture = mixtureQuantiles(
      means.map((mean) => normal(mean, 1)),
      weights,
    );
    const sample = means
      .flatMap((mean, j) =>
        Array.from(
          { length: weights[j]! * 100_000 },
          (_, i) => mean + normalQuantile((i + 0.5) / (weights[j]! * 100_000)),
        ),
      )
      .sort((a, b) => a - b);
    CANONICAL_LEVELS.forEach((level, i) => {
      // Quantile functions that are linear between 13 levels are a little off a normal one's.
      expect(Math.abs(mixture[i]! - sample[Math.floor(level * sample.length)]!)).toBeLessThan(0.08);
    });
  });

  it('ascends, lies within its components and keeps the last digits of large values', () => {
    const mixture = mixtureQuantiles([normal(1e12, 1), normal(1e12 + 5, 3)], [0.5, 0.5]);
    expect([...mixture]).toEqual([...mixture].sort((a, b) => a - b));
    expect(mixture[0]).toBeGreaterThan(1e12 - 6);
    expect(mixture[6]).toBeGreaterThan(1e12);
    expect(mixture[6]).toBeLessThan(1e12 + 5);
  });
});
