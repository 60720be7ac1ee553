import type { ProfiledSeries } from '@app/persistence';

import { profileOf } from './series-profiler.js';

const HOUR = 3_600_000;

function aSeries(count: number, over: Partial<ProfiledSeries> = {}): ProfiledSeries {
  return {
    seriesId: 1,
    timestamps: Float64Array.from({ length: count }, (_, i) => i * HOUR),
    values: Float64Array.from({ length: count }, (_, i) => Math.sin((2 * Math.PI * i) / 24)),
    timeZone: 'UTC',
    declaredFreq: undefined,
    ...over,
  };
}

describe('profileOf', () => {
  it('finds the frequency and the season of an hourly day', () => {
    expect(profileOf(aSeries(200))).toEqual({ freq: 'PT1H', season: 24 });
  });

  it('says no season while two cycles are not seen', () => {
    expect(profileOf(aSeries(40))).toEqual({ freq: 'PT1H', season: 1 });
  });

  it('keeps the declared frequency', () => {
    expect(profileOf(aSeries(200, { declaredFreq: 'PT30M' }))).toMatchObject({ freq: 'PT30M' });
  });

  it.each([0, 1, 2])('says nothing with %d points', (count) => {
    expect(profileOf(aSeries(count))).toBeUndefined();
  });

  it('says nothing when all points have one time', () => {
    expect(profileOf(aSeries(5, { timestamps: new Float64Array(5) }))).toBeUndefined();
  });
});
