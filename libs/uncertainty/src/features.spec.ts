import { featureNames, stepFeatures } from './features.js';

describe('stepFeatures', () => {
  const sine = Float64Array.from({ length: 96 }, (_, t) => Math.sin((2 * Math.PI * t) / 24));
  const at = (target: Float64Array, step = 6) =>
    stepFeatures({ target, season: 24 }, step, Date.UTC(2026, 0, 1), [1, 3], [0, 1]);

  it('has a name for each', () => {
    expect(featureNames(['a', 'b'])).toHaveLength(at(sine).length);
  });

  it('tells the phase of the season and how the window repeats', () => {
    const features = Object.fromEntries(featureNames(['a', 'b']).map((name, i) => [name, at(sine)[i]!]));
    expect(features['sin-season']).toBeCloseTo(1, 12);
    expect(features['cos-season']).toBeCloseTo(0, 12);
    // Of four cycles three pairs of cycles are 24 apart.
    expect(features['lag-season']).toBeCloseTo(0.75, 6);
    expect(features['slope']).toBeLessThan(0);
  });

  it.each([
    ['constant', new Float64Array(50).fill(3)],
    ['one point', Float64Array.of(3)],
    ['gaps', Float64Array.from({ length: 50 }, (_, t) => (t % 2 ? Number.NaN : t))],
    ['huge', Float64Array.from({ length: 50 }, (_, t) => t * 1e12)],
  ])('is finite for %s', (_, target) => {
    expect(at(target).every(Number.isFinite)).toBe(true);
  });
});
