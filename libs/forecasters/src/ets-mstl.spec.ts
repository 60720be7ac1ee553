import { CANONICAL_LEVELS } from '@app/series';
import { AutoETS } from '@bsull/augurs/ets';
import type { BaselineInput } from './baselines.js';
import { ets, whyNoEts } from './ets.js';
import { gaussian, series } from './fixtures/series.js';
import { mstl, whyNoMstl } from './mstl.js';

const input = (target: Float64Array, horizon: number, season = 1, periods: number[] = []): BaselineInput => ({
  target,
  season,
  periods,
  horizon,
});
const column = (quantiles: Float64Array, level: number) =>
  [...quantiles].filter((_, i) => i % 13 === CANONICAL_LEVELS.indexOf(level));

describe('ets', () => {
  it('continues a line', () => {
    const noise = gaussian(3);
    const quantiles = ets(
      input(
        series(200, (t) => 5 + 2 * t + 0.1 * noise()),
        10,
      ),
    );
    column(quantiles, 0.5).forEach((value, i) => expect(value).toBeCloseTo(5 + 2 * (200 + i), 0));
  });

  it('covers white noise as wide as it is', () => {
    const noise = gaussian(3);
    const quantiles = ets(
      input(
        series(500, () => 100 + 5 * noise()),
        1,
      ),
    );
    expect(column(quantiles, 0.5)[0]).toBeCloseTo(100, -1);
    const width = column(quantiles, 0.9)[0]! - column(quantiles, 0.1)[0]!;
    expect(width / (2 * 1.2816 * 5)).toBeGreaterThan(0.9);
    expect(width / (2 * 1.2816 * 5)).toBeLessThan(1.1);
  });

  it('has at every level the interval that the library gives for that level', () => {
    const noise = gaussian(5);
    let walk = 0;
    const target = series(300, () => (walk += noise()));
    const quantiles = ets(input(target, 12));
    const model = new AutoETS(1, 'ZZN');
    // The search is affine-equivariant but for its tolerances, so its own scale is used here.
    model.fit(target);
    for (const [lower, upper] of [
      [0.025, 0.975],
      [0.3, 0.7],
    ] as const) {
      const { intervals } = model.predict(12, upper - lower);
      const width = column(quantiles, upper).map((value, i) => value - column(quantiles, lower)[i]!);
      width.forEach((value, i) => expect(value / (intervals!.upper[i]! - intervals!.lower[i]!)).toBeCloseTo(1, 1));
    }
  });

  it('forecasts a counter near 1e12 to its last digits', () => {
    const quantiles = ets(
      input(
        series(100, (t) => 1e12 + 3 * t),
        2,
      ),
    );
    expect(column(quantiles, 0.5)[1]! - 1e12).toBeCloseTo(303, 0);
  });

  it('fills gaps before it fits', () => {
    const target = series(100, (t) => (t % 5 === 2 ? Number.NaN : 2 * t));
    expect(column(ets(input(target, 1)), 0.5)[0]).toBeCloseTo(200, 0);
  });

  it('says when it has too few points', () => {
    expect(
      whyNoEts(
        input(
          series(11, (t) => t),
          1,
        ),
      ),
    ).toBe('ets needs 12 observed points, there are 11');
    expect(() =>
      ets(
        input(
          series(11, (t) => t),
          1,
        ),
      ),
    ).toThrow('ets needs 12 observed points');
  });
});

describe('mstl', () => {
  const daily = (t: number) => 10 * Math.sin((2 * Math.PI * t) / 24);
  const weekly = (t: number) => (Math.floor(t / 24) % 7 < 5 ? 8 : -8);

  it('continues trend and season', () => {
    const noise = gaussian(3);
    const quantiles = mstl(
      input(
        series(480, (t) => daily(t) + 0.1 * t + 0.1 * noise()),
        48,
        24,
      ),
    );
    column(quantiles, 0.5).forEach((value, i) => {
      expect(Math.abs(value - daily(480 + i) - 0.1 * (480 + i))).toBeLessThan(1);
    });
  });

  it('uses every season of which there are two cycles', () => {
    const noise = gaussian(3);
    const target = series(504, (t) => daily(t) + weekly(t) + 0.1 * noise());
    const quantiles = mstl(input(target, 168, 24, [24, 168]));
    const errors = column(quantiles, 0.5).map((value, i) => Math.abs(value - daily(504 + i) - weekly(504 + i)));
    expect(errors.reduce((sum, error) => sum + error, 0) / errors.length).toBeLessThan(1.5);
  });

  it('says when it does not apply', () => {
    expect(whyNoMstl(input(series(48, daily), 1, 24))).toBe(
      'mstl needs more than two seasons of 24, there are 48 points',
    );
    expect(whyNoMstl(input(series(48, daily), 1))).toBe('mstl needs a season, and none was found');
    const sparse = series(200, (t) => (t % 2 === 0 ? daily(t) : Number.NaN));
    expect(whyNoMstl(input(sparse, 1, 24))).toBe('mstl needs 60 % of the points observed');
    expect(() => mstl(input(series(48, daily), 1))).toThrow('mstl needs a season');
  });
});
