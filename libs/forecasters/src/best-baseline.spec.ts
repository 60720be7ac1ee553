import type { BaselineInput } from './baselines.js';
import { chooseBaseline } from './best-baseline.js';
import { gaussian, series } from './fixtures/series.js';

const choose = (target: Float64Array, season = 1, horizon = 24) => {
  const input: BaselineInput = { target, season, periods: season > 1 ? [season] : [], horizon };
  return chooseBaseline(input);
};

describe('chooseBaseline', () => {
  it('does not compare what can not be compared', () => {
    expect(choose(series(11, (t) => t))).toEqual({
      model: 'seasonal-naive',
      reason: '11 observed points are too few to compare models',
    });
  });

  it('takes the line for a steady climb', () => {
    const noise = gaussian(2);
    expect(choose(series(200, (t) => 5 * t + noise()))).toMatchObject({ model: expect.stringMatching(/drift|ets/) });
  });

  it('takes a decomposition for trend and season', () => {
    const noise = gaussian(2);
    const target = series(480, (t) => 10 * Math.sin((2 * Math.PI * t) / 24) + 0.2 * t + noise());
    expect(choose(target, 24)).toEqual({
      model: 'mstl',
      reason: expect.stringMatching(/^\d+ % less loss than seasonal-naive in 2 trials$/),
    });
  });

  it('takes the last cycle for a season that repeats exactly', () => {
    expect(
      choose(
        series(480, (t) => (t * t) % 24),
        24,
      ),
    ).toMatchObject({ model: 'seasonal-naive' });
  });

  it('smooths level noise', () => {
    const noise = gaussian(2);
    expect(choose(series(400, noise))).toMatchObject({ model: 'ets' });
  });

  it('answers for a context whose older half was not observed', () => {
    expect(
      choose(
        series(100, (t) => (t < 85 ? Number.NaN : t)),
        24,
      ),
    ).toMatchObject({
      model: 'seasonal-naive',
      reason: 'no observed points to compare models on',
    });
  });
});
