import { DAY, HOUR, every, iso, useForecasts } from '../support/forecasts.js';

const { database, forecaster, store, forecast } = useForecasts();
/** Values of the window seen last. */
const target = () => [...forecaster().windows.at(-1)!.target];
/** Local times by the platform's own zone tables, independent of the library that the code uses. */
const wallClock = (ts: number, timeZone: string) =>
  new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' }).format(ts);
/** Instants between the two dates at which a clock in the zone shows the time, found by trying every hour. */
const instantsAt = (time: string, timeZone: string, from: string, to: string) => {
  const found: number[] = [];
  for (let ts = Date.parse(from); ts < Date.parse(to); ts += HOUR) {
    if (wallClock(ts, timeZone).endsWith(time)) found.push(ts);
  }
  return found;
};
/** Times of the stored forecast as SQL readers see them, which is computed in Postgres. */
async function viewTimes(itemId: string): Promise<number[]> {
  const rows = await database().dataSource.query<{ ts: Date }[]>(
    `SELECT ts FROM forecast_points WHERE item_id = $1 ORDER BY step`,
    [itemId],
  );
  return rows.map(({ ts }) => ts.getTime());
}

describe('the context of a stored series', () => {
  it('is its last 512 points', async () => {
    await store({ itemId: 'a', freq: 'PT1H', points: every(HOUR, '2026-01-01T00:00:00Z', 700) });

    const { forecasts } = await forecast({});

    const [window] = forecaster().windows;
    expect([...window!.target]).toEqual(Array.from({ length: 512 }, (_, i) => 188 + i));
    expect(forecasts[0]).toMatchObject({ cutoff: iso(Date.parse('2026-01-01T00:00:00Z') + 699 * HOUR), status: 'ok' });
  });

  it('begins one step after the newest point', async () => {
    await store({ itemId: 'a', freq: 'PT1H', points: every(HOUR, '2026-01-01T00:00:00Z', 5) });

    const { forecasts } = await forecast({});

    expect(forecasts[0]).toMatchObject({ start: '2026-01-01T05:00:00.000Z', freq: 'PT1H', mean: [4, 4, 4] });
  });

  it('masks gaps rather than inventing values', async () => {
    const points = every(HOUR, '2026-01-01T00:00:00Z', 8).filter((_, i) => i !== 3 && i !== 4);
    await store({ itemId: 'a', freq: 'PT1H', points });

    await forecast({});

    expect([...forecaster().windows[0]!.target]).toEqual([0, 1, 2, NaN, NaN, 5, 6, 7]);
  });

  it('reaches back over a gap by time, not by number of points', async () => {
    const points = [...every(HOUR, '2025-01-01T00:00:00Z', 600), ...every(HOUR, '2026-01-01T00:00:00Z', 3)];
    await store({ itemId: 'a', freq: 'PT1H', points });

    await forecast({});

    expect([...forecaster().windows[0]!.target]).toEqual([0, 1, 2]);
  });

  it('takes the last of many points in a slot', async () => {
    await store({ itemId: 'a', freq: 'PT1H', points: every(60_000, '2026-01-01T00:00:00Z', 30 * 60) });

    await forecast({});

    // Slots end half an hour after the hour: minute 29 is the last that is nearer to its own hour than to the next.
    expect([...forecaster().windows[0]!.target].slice(-4, -1)).toEqual([27 * 60 + 29, 28 * 60 + 29, 29 * 60 + 29]);
    expect(forecaster().windows[0]!.target).toHaveLength(31);
  });

  it('infers the spacing where the series does not know it', async () => {
    await store({ itemId: 'a', points: every(15 * 60_000, '2026-01-01T00:00:00Z', 10) });

    const { forecasts } = await forecast({});

    expect(forecasts[0]).toMatchObject({ freq: 'PT15M', start: '2026-01-01T02:30:00.000Z', status: 'ok' });
  });

  it('assumes the default spacing for a single point, and says so', async () => {
    await store({ itemId: 'a', points: [['2026-01-01T00:00:00Z', 7]] });

    const { forecasts } = await forecast({});

    expect(forecasts[0]).toMatchObject({ freq: 'PT1M', status: 'freq-assumed', mean: [7, 7, 7] });
    expect(forecasts[0]!.start).toBe('2026-01-01T00:01:00.000Z');
  });

  it('believes the declared spacing of a single point', async () => {
    await store({ itemId: 'a', freq: 'P1D', points: [['2026-01-01T00:00:00Z', 7]] });

    const { forecasts } = await forecast({});

    expect(forecasts[0]).toMatchObject({ freq: 'P1D', status: 'short-context' });
  });

  it('keeps the digits of a counter near 1e12 and times before 2000', async () => {
    const points = [
      ['1969-12-31T22:00:00.123Z', 999_999_999_999.0625],
      ['1969-12-31T23:00:00.123Z', -0.1],
    ] as const;
    await store({ itemId: 'a', points });

    await forecast({});

    expect([...forecaster().windows[0]!.target]).toEqual([999_999_999_999.0625, -0.1]);
    expect(forecaster().windows[0]!.cutoff).toBe(-HOUR + 123);
  });
});

describe('on the wall clock of a zone', () => {
  for (const [change, from, to, cutoff] of [
    ['spring', '2026-03-20', '2026-04-03', '2026-03-28'],
    ['autumn', '2026-10-18', '2026-11-01', '2026-10-25'],
  ] as const) {
    it(`a daily series keeps its midnight over the change in ${change}`, async () => {
      const zone = 'Europe/Berlin';
      const midnights = instantsAt('00:00:00', zone, from, to);
      const known = midnights.filter((ts) => wallClock(ts, zone).slice(0, 10) <= cutoff);
      for (const freq of ['P1D', undefined]) {
        const itemId = `berlin-${change}-${freq}`;
        await store({ itemId, freq, timeZone: zone, points: known.map((ts, i) => [ts, i]) });

        const horizon = midnights.length - known.length;
        const { forecasts } = await forecast({ series: [{ itemId }], horizon }, new Date('2027-01-01'));

        expect([...forecaster().windows.at(-1)!.target]).toEqual(known.map((_, i) => i));
        expect(forecasts[0]!.freq).toBe('P1D');
        await expect(viewTimes(itemId)).resolves.toEqual(midnights.slice(known.length));
      }
    });
  }

  for (const [change, start] of [
    ['spring', '2026-03-07T12:00:00Z'],
    ['autumn', '2026-10-31T12:00:00Z'],
  ] as const) {
    it(`an hourly series has no gap and no double over New York's change in ${change}`, async () => {
      const points = every(HOUR, start, 48);
      await store({ itemId: 'a', timeZone: 'America/New_York', points });

      await forecast({ horizon: 4 }, new Date('2027-01-01'));

      expect([...forecaster().windows[0]!.target]).toEqual(points.map(([, value]) => value));
      await expect(viewTimes('a')).resolves.toEqual(every(HOUR, iso(points[47]![0] + HOUR), 4).map(([ts]) => ts));
    });
  }

  it('a daily series counts the leap day', async () => {
    await store({ itemId: 'a', points: every(DAY, '2024-02-20T06:00:00Z', 9) });

    const { forecasts } = await forecast({});

    expect(forecasts[0]!.cutoff).toBe('2024-02-28T06:00:00.000Z');
    await expect(viewTimes('a').then((times) => times.map(iso))).resolves.toEqual([
      '2024-02-29T06:00:00.000Z',
      '2024-03-01T06:00:00.000Z',
      '2024-03-02T06:00:00.000Z',
    ]);
  });

  it('month ends are one month apart', async () => {
    const ends = ['2025-10-31', '2025-11-30', '2025-12-31', '2026-01-31', '2026-02-28', '2026-03-31'];
    await store({ itemId: 'a', points: ends.map((day, i) => [`${day}T00:00:00Z`, i]) });

    const { forecasts } = await forecast({});

    expect([...forecaster().windows[0]!.target]).toEqual([0, 1, 2, 3, 4, 5]);
    expect(forecasts[0]!.freq).toBe('P1M');
    await expect(viewTimes('a').then((times) => times.map((ts) => iso(ts).slice(0, 10)))).resolves.toEqual([
      '2026-04-30',
      '2026-05-31',
      '2026-06-30',
    ]);
  });
});

describe('as_of', () => {
  const START = '2026-01-01T00:00:00Z';

  it('sees no point that is newer', async () => {
    await store({ itemId: 'a', freq: 'PT1H', points: every(HOUR, START, 10) });

    const { forecasts } = await forecast({ asOf: '2026-01-01T03:30:00Z' });

    expect(target()).toEqual([0, 1, 2, 3]);
    expect(forecasts[0]!.start).toBe('2026-01-01T04:00:00.000Z');
  });

  it('sees no point that came later, however old its time', async () => {
    const points = [
      [START, 0],
      ['2026-01-01T01:00:00Z', 1, '2026-01-01T09:00:00Z'],
      ['2026-01-01T02:00:00Z', 2],
    ] as const;
    await store({ itemId: 'a', freq: 'PT1H', points });

    await forecast({ asOf: '2026-01-01T08:59:00Z' });
    expect(target()).toEqual([0, NaN, 2]);
    await forecast({ asOf: '2026-01-01T09:00:00Z' });
    expect(target()).toEqual([0, 1, 2]);
  });

  it('sees the revision that was valid then', async () => {
    const seriesId = await store({
      itemId: 'a',
      freq: 'PT1H',
      points: [
        [START, 10],
        ['2026-01-01T01:00:00Z', 33, '2026-01-03T00:00:00Z'],
      ],
    });
    await database().dataSource.query(
      `INSERT INTO observation_revisions (series_id, ts, value, known_at, replaced_at) VALUES
       ($1, '2026-01-01T01:00:00Z', 11, '2026-01-01T01:00:00Z', '2026-01-02T00:00:00Z'),
       ($1, '2026-01-01T01:00:00Z', 22, '2026-01-02T00:00:00Z', '2026-01-03T00:00:00Z')`,
      [seriesId],
    );

    for (const [asOf, value] of [
      ['2026-01-01T01:00:00Z', 11],
      ['2026-01-01T23:59:59Z', 11],
      ['2026-01-02T00:00:00Z', 22],
      ['2026-01-03T00:00:00Z', 33],
    ] as const) {
      await forecast({ asOf });
      expect([asOf, ...target()]).toEqual([asOf, 10, value]);
    }
    await forecast({});
    expect(target()).toEqual([10, 33]);
  });

  it('is refused when it lies in the future or is no time', async () => {
    await store({ itemId: 'a', points: every(HOUR, START, 3) });

    await expect(forecast({ asOf: '2026-06-01T13:00:00Z' })).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    await expect(forecast({ asOf: 'yesterday' })).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    await expect(forecast({ asOf: '2026-06-01T12:00:30Z' })).resolves.toMatchObject({ failures: [] });
  });

  it('finds nothing where nothing was known', async () => {
    await store({ itemId: 'a', points: [[START, 1, '2026-05-01T00:00:00Z']] });

    await expect(forecast({ asOf: '2026-04-01T00:00:00Z' })).rejects.toMatchObject({ code: 'NO_OBSERVATIONS' });
  });
});
