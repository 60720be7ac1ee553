import type { InlineSeries } from './forecast-client.js';
import { MAX_INLINE_POINTS, inlineContext } from './inline-context.js';
import { isFailure, type SeriesContext } from './series-context.js';

const inline = (series: Partial<InlineSeries> = {}) =>
  inlineContext({ itemId: 'a', freq: 'PT1H', start: '2026-01-01T00:00:00Z', target: [1, 2, 3], ...series });
const windowOf = (series: Partial<InlineSeries>) => (inline(series) as SeriesContext).window;

describe('inlineContext', () => {
  it('ends with the last entry', () => {
    const window = windowOf({});

    expect([...window.target]).toEqual([1, 2, 3]);
    expect(new Date(window.cutoff).toISOString()).toBe('2026-01-01T02:00:00.000Z');
    expect(window).toMatchObject({ itemId: 'a', channel: 'value', timeZone: 'UTC', season: 1 });
  });

  it('keeps gaps, also at the end, where they are part of the grid', () => {
    const window = windowOf({ target: [null, 1, null, 3, null] });

    expect([...window.target]).toEqual([1, NaN, 3, NaN]);
    expect(new Date(window.cutoff).toISOString()).toBe('2026-01-01T04:00:00.000Z');
  });

  it('sees the newest 512 points', () => {
    const target = Array.from({ length: MAX_INLINE_POINTS }, (_, i) => i);

    expect([...windowOf({ target }).target]).toEqual(target.slice(-512));
  });

  it('counts days in its zone', () => {
    const window = windowOf({
      freq: 'P1D',
      start: '2026-03-28T00:00:00+01:00',
      timeZone: 'Europe/Berlin',
      target: [1, 2, 3],
    });

    expect(new Date(window.cutoff).toISOString()).toBe('2026-03-29T22:00:00.000Z');
  });

  it('finds the season, or believes the one given', () => {
    const target = Array.from({ length: 96 }, (_, i) => Math.sin((i * Math.PI) / 12));

    expect(windowOf({ target }).season).toBe(24);
    expect(windowOf({ target, season: 7 }).season).toBe(7);
  });

  it.each([
    [{ freq: '1h' }, 'FREQ_INVALID', '"1h"'],
    [{ freq: 'P100Y' }, 'FREQ_INVALID', '"P100Y"'],
    [{ start: '2026-01-01' }, 'TS_INVALID', '"2026-01-01"'],
    [{ start: '2026-01-01T00:00:00' }, 'TS_INVALID', 'offset'],
    [{ start: '2026-02-30T00:00:00Z' }, 'TS_INVALID', '2026-02-30'],
    [{ start: '9999-12-31T23:00:00Z' }, 'TS_INVALID', 'year 10000'],
    [{ timeZone: 'Mars/Olympus' }, 'TIME_ZONE_INVALID', 'Mars'],
    [{ target: [1, NaN] }, 'VALUE_NOT_FINITE', 'target[1] at 2026-01-01T01:00:00.000Z'],
    [{ target: [1, 2, Infinity] }, 'VALUE_NOT_FINITE', 'target[2]'],
    [{ target: [] }, 'NO_OBSERVATIONS', 'a'],
    [{ target: [null, null] }, 'NO_OBSERVATIONS', 'a'],
    [{ target: [1, ...Array<null>(512).fill(null)] }, 'NO_OBSERVATIONS', '512'],
    [{ target: Array<number>(MAX_INLINE_POINTS + 1).fill(1) }, 'PAYLOAD_TOO_LARGE', '100001'],
  ])('refuses case %#', (series, code, mentioned) => {
    const result = inline(series);

    expect(isFailure(result)).toBe(true);
    expect(result).toMatchObject({ itemId: 'a', channel: 'value', code, message: expect.stringContaining(mentioned) });
  });
});
