import { inferSeason, seasonalDifference } from './season.js';

const wave = (length: number, period: number, noise = 0) =>
  Float64Array.from({ length }, (_, t) => Math.sin((2 * Math.PI * t) / period) + noise * Math.sin(t * t));

describe('inferSeason', () => {
  it('finds the day in hourly data, not the week, when only the day repeats', () => {
    expect(inferSeason(wave(500, 24, 0.1), [24, 168])).toBe(24);
  });

  it('finds the week when weekends differ', () => {
    const target = wave(500, 24).map((value, t) => (Math.floor(t / 24) % 7 >= 5 ? value + 3 : value));
    expect(inferSeason(target, [24, 168])).toBe(168);
  });

  it('is not fooled by a smooth series that hardly moves from one point to the next', () => {
    expect(inferSeason(wave(700, 336, 0.02), [2, 48, 336])).toBe(336);
  });

  it('has none for a trend or for white noise', () => {
    expect(
      inferSeason(
        Float64Array.from({ length: 400 }, (_, t) => t),
        [7, 24],
      ),
    ).toBe(1);
    expect(
      inferSeason(
        Float64Array.from({ length: 400 }, (_, t) => Math.sin(t * t * 1.7)),
        [7, 24],
      ),
    ).toBe(1);
  });

  it('has none for a random walk', () => {
    let level = 0;
    const walk = Float64Array.from({ length: 400 }, (_, t) => (level += Math.sin(t * t * 1.7)));
    expect(inferSeason(walk, [7, 24])).toBe(1);
  });

  it('passes over candidates without two cycles', () => {
    expect(inferSeason(wave(40, 24), [24])).toBe(1);
  });

  it('works with gaps and with a constant', () => {
    const gappy = wave(500, 24).map((value, t) => (t % 5 === 0 ? Number.NaN : value));
    expect(inferSeason(gappy, [24])).toBe(24);
    expect(inferSeason(new Float64Array(100), [24])).toBe(1);
  });
});

describe('seasonalDifference', () => {
  it('averages over observed pairs only', () => {
    expect(seasonalDifference(Float64Array.of(1, 2, Number.NaN, 5, 9), 1)).toBe(2.5);
    expect(seasonalDifference(Float64Array.of(1), 1)).toBeNaN();
  });
});
