import { forecastTimes } from './forecast.js';
import { Frequency } from './frequency.js';

describe('forecastTimes', () => {
  it('begins one step after the cutoff', () => {
    const times = forecastTimes(Date.parse('2026-10-24T22:00Z'), Frequency.parse('P1D')!, 'Europe/Berlin', 2);
    expect(times).toEqual([Date.parse('2026-10-25T23:00Z'), Date.parse('2026-10-26T23:00Z')]);
  });
});
