import { CANONICAL_LEVELS } from '@app/series';
import type { IssuedForecast } from '../../../forecaster/src/forecast-client.js';
import { checkAnswerSize, viewForecasts } from './forecast-view.js';

/** Two daily steps over a change of the clocks; the quantile at level q of step s is 10·s + q. */
const forecast: IssuedForecast = {
  forecastId: null,
  itemId: 'a',
  channel: 'value',
  model: 'mstl',
  modelSha256: null,
  provider: 'js',
  cutoff: '2026-03-27T23:00:00.000Z',
  start: '2026-03-28T23:00:00.000Z',
  freq: 'P1D',
  timeZone: 'Europe/Berlin',
  levels: CANONICAL_LEVELS,
  mean: [10, 20],
  quantiles: [10, 20].flatMap((mean) => CANONICAL_LEVELS.map((level) => mean + level)),
  status: 'ok',
  parts: {},
  issuedAt: '2026-03-28T00:00:00.000Z',
};

describe('viewForecasts', () => {
  it('gives one list a level, interpolated where it is not canonical', () => {
    const [view] = viewForecasts([forecast], [0.1, 0.15, 0.9]);

    expect(view).toMatchObject({ levels: [0.1, 0.15, 0.9], mean: [10, 20] });
    expect(Object.keys(view!.quantiles)).toEqual(['0.1', '0.15', '0.9']);
    expect(view!.quantiles['0.1']).toEqual([10.1, 20.1]);
    expect(view!.quantiles['0.15']![1]).toBeCloseTo(20.15, 9);
    expect(view!.quantiles['0.9']).toEqual([10.9, 20.9]);
  });

  it('tells the time of each step, on the wall clock of the zone', () => {
    const [view] = viewForecasts([forecast], [0.5]);

    expect(view!.ts).toEqual(['2026-03-28T23:00:00.000Z', '2026-03-29T22:00:00.000Z']);
    expect(view!.start).toBe(view!.ts[0]);
  });

  it('refuses an answer that nobody could read', () => {
    expect(() => checkAnswerSize(1_000_000, CANONICAL_LEVELS)).toThrow(/14000000 numbers/);
    expect(() => checkAnswerSize(400_000, CANONICAL_LEVELS)).not.toThrow();
  });
});
