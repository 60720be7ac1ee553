import { loadEnv } from '@app/config';
import { ForecasterCatalogue } from '@app/forecasters';
import { silentLogger } from '@app/observability';
import { CANONICAL_LEVELS, Frequency, forecastTimes } from '@app/series';

import type { ForecastCommand } from '../../apps/forecaster/src/forecast-client.js';
import { LIMITS, forecastService } from '../../apps/forecaster/test/forecast-service.js';
import { RecordingForecaster } from '../../apps/forecaster/test/recording-forecaster.js';
import { storeManySeries, storeSeries } from '../../apps/forecaster/test/stored-series.js';
import { truncate, useDatabase } from '../support/database.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NOW = new Date('2026-06-01T12:00:00Z');
const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const OTHER_TRACE = '00-1bf7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

const database = useDatabase();
let forecaster: RecordingForecaster;
beforeEach(async () => {
  forecaster = new RecordingForecaster();
  await truncate(database().dataSource, 'forecasts', 'observations', 'observation_revisions', 'series');
});

const store = (seed: Parameters<typeof storeSeries>[1]) => storeSeries(database().dataSource, seed);
const forecast = (command: Partial<ForecastCommand>, now = NOW) =>
  forecastService(database().dataSource, forecaster).forecast(
    { series: [{ itemId: 'a' }], horizon: 3, model: 'auto', store: true, ...command },
    now,
  );
/** `count` points every `step` milliseconds from `start`, with the values 0, 1, 2 … */
const every = (step: number, start: string, count: number) =>
  Array.from({ length: count }, (_, i) => [Date.parse(start) + i * step, i] as const);
const iso = (ts: number) => new Date(ts).toISOString();
/** Values of the window seen last. */
const target = () => [...forecaster.windows.at(-1)!.target];
const rows = () => database().dataSource.query<Record<string, unknown>[]>(`SELECT * FROM forecasts`);
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

    const [window] = forecaster.windows;
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

    expect([...forecaster.windows[0]!.target]).toEqual([0, 1, 2, NaN, NaN, 5, 6, 7]);
  });

  it('reaches back over a gap by time, not by number of points', async () => {
    const points = [...every(HOUR, '2025-01-01T00:00:00Z', 600), ...every(HOUR, '2026-01-01T00:00:00Z', 3)];
    await store({ itemId: 'a', freq: 'PT1H', points });

    await forecast({});

    expect([...forecaster.windows[0]!.target]).toEqual([0, 1, 2]);
  });

  it('takes the last of many points in a slot', async () => {
    await store({ itemId: 'a', freq: 'PT1H', points: every(60_000, '2026-01-01T00:00:00Z', 30 * 60) });

    await forecast({});

    // Slots end half an hour after the hour: minute 29 is the last that is nearer to its own hour than to the next.
    expect([...forecaster.windows[0]!.target].slice(-4, -1)).toEqual([27 * 60 + 29, 28 * 60 + 29, 29 * 60 + 29]);
    expect(forecaster.windows[0]!.target).toHaveLength(31);
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

    expect([...forecaster.windows[0]!.target]).toEqual([999_999_999_999.0625, -0.1]);
    expect(forecaster.windows[0]!.cutoff).toBe(-HOUR + 123);
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

        expect([...forecaster.windows.at(-1)!.target]).toEqual(known.map((_, i) => i));
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

      expect([...forecaster.windows[0]!.target]).toEqual(points.map(([, value]) => value));
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

    expect([...forecaster.windows[0]!.target]).toEqual([0, 1, 2, 3, 4, 5]);
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

describe('many series in one call', () => {
  beforeEach(async () => {
    await store({ itemId: 'pump', channel: 'temp', points: every(HOUR, '2026-01-01T00:00:00Z', 10) });
    await store({ itemId: 'pump', channel: 'flow', points: every(HOUR, '2026-01-01T00:00:00Z', 20) });
    await store({ itemId: 'fan', points: every(DAY, '2026-01-01T00:00:00Z', 3) });
    await store({ itemId: 'new' });
  });
  const inline = { itemId: 'mine', freq: 'PT1H', start: '2026-01-01T00:00:00Z', target: [1, 2, 3] };

  it('are answered in the order of the command, every channel of an item', async () => {
    const { forecasts, failures } = await forecast({
      series: [{ itemId: 'fan' }, inline, { itemId: 'pump' }, { itemId: 'pump', channel: 'temp' }],
    });

    const names = forecasts.map(({ itemId, channel }) => `${itemId}/${channel}`);
    expect(names).toEqual(['fan/value', 'mine/value', 'pump/flow', 'pump/temp', 'pump/temp']);
    expect(failures).toEqual([]);
    expect(forecaster.calls).toHaveLength(1);
  });

  it('fail one by one', async () => {
    forecaster.tooShort.add('fan');

    const { forecasts, failures } = await forecast({
      series: [
        { itemId: 'ghost' },
        { itemId: 'fan' },
        { itemId: 'pump' },
        { itemId: 'new' },
        { ...inline, freq: '1h' },
      ],
    });

    expect(forecasts.map(({ channel }) => channel)).toEqual(['flow', 'temp']);
    expect(failures).toEqual([
      { itemId: 'ghost', channel: null, code: 'NOT_FOUND', message: expect.stringContaining('"ghost"') },
      { itemId: 'fan', channel: 'value', code: 'CONTEXT_TOO_SHORT', message: expect.stringContaining('fan') },
      { itemId: 'new', channel: 'value', code: 'NO_OBSERVATIONS', message: expect.stringContaining('new/value') },
      { itemId: 'mine', channel: 'value', code: 'FREQ_INVALID', message: expect.stringContaining('"1h"') },
    ]);
  });

  it('throw the error itself where only one was asked for', async () => {
    const ghost = forecast({ series: [{ itemId: 'pump', channel: 'ghost' }] });

    await expect(ghost).rejects.toMatchObject({ code: 'NOT_FOUND', message: expect.stringContaining('"ghost"') });
    await expect(forecast({ series: [{ itemId: 'new' }] })).rejects.toMatchObject({ code: 'NO_OBSERVATIONS' });
  });

  it('fail together where the forecaster does', async () => {
    forecaster.before = () => Promise.reject(new Error('worker died'));

    await expect(forecast({ series: [{ itemId: 'fan' }, { itemId: 'pump' }] })).rejects.toThrow('worker died');
    expect(forecaster.calls).toHaveLength(1);
  });

  it('are counted as channels against the limit, and horizons against theirs', async () => {
    const service = forecastService(database().dataSource, forecaster, { ...LIMITS, MAX_SERIES_PER_CALL: 2 });
    const ask = (command: Partial<ForecastCommand>) =>
      service.forecast({ series: [{ itemId: 'pump' }], horizon: 1, model: 'auto', store: false, ...command }, NOW);

    await expect(ask({})).resolves.toMatchObject({ failures: [] });
    await expect(ask({ series: [{ itemId: 'pump' }, inline] })).rejects.toMatchObject({ code: 'TOO_MANY_SERIES' });
    await expect(ask({ horizon: 5000 })).rejects.toMatchObject({ code: 'HORIZON_TOO_LONG' });
    await expect(ask({ horizon: 0 })).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    await expect(ask({ series: [] })).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    await expect(ask({ model: 'nonsense' })).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' });
  });
});

describe('the stored forecast', () => {
  it('is what the caller got', async () => {
    const seriesId = await store({ itemId: 'a', traceparent: TRACE, points: every(HOUR, '2026-01-01T00:00:00Z', 30) });

    const { forecasts } = await forecast({ horizon: 2 });

    const [issued] = forecasts;
    expect(await rows()).toEqual([
      {
        forecast_id: issued!.forecastId,
        series_id: seriesId,
        run_id: null,
        issued_at: NOW,
        cutoff: new Date(issued!.cutoff),
        freq: 'PT1H',
        time_zone: 'UTC',
        horizon: 2,
        model: 'last-value',
        model_sha256: null,
        provider: 'js',
        levels: CANONICAL_LEVELS,
        mean: [29, 29],
        quantiles: issued!.quantiles,
        status: 'ok',
        parts: { observed: 30 },
        traceparent: TRACE,
      },
    ]);
    const times = forecastTimes(Date.parse(issued!.cutoff), Frequency.parse(issued!.freq)!, 'UTC', 1);
    expect(issued!.start).toBe(iso(times[0]!));
  });

  it('carries the trace of the request rather than that of the record', async () => {
    await store({ itemId: 'a', traceparent: TRACE, points: every(HOUR, '2026-01-01T00:00:00Z', 3) });

    await forecast({ traceparent: OTHER_TRACE });
    await forecast({ traceparent: 'nonsense' });

    expect((await rows()).map(({ traceparent }) => traceparent)).toEqual([OTHER_TRACE, TRACE]);
  });

  it('does not exist for inline series, nor where storing is not wanted', async () => {
    await store({ itemId: 'a', points: every(HOUR, '2026-01-01T00:00:00Z', 3) });
    const inline = { itemId: 'a', freq: 'PT1H', start: '2026-01-01T00:00:00Z', target: [1] };

    const outcomes = [await forecast({ series: [inline] }), await forecast({ store: false })];

    expect(outcomes.map(({ forecasts }) => forecasts[0]!.forecastId)).toEqual([null, null]);
    expect(await rows()).toEqual([]);
  });

  it('keeps every digit', async () => {
    await store({ itemId: 'a', points: [['2026-01-01T00:00:00Z', 0.1 + 0.2]] });
    await store({ itemId: 'b', points: [['2026-01-01T00:00:00Z', 1e300]] });
    await store({ itemId: 'c', points: [['2026-01-01T00:00:00Z', -5e-324]] });

    await forecast({ series: ['a', 'b', 'c'].map((itemId) => ({ itemId })), horizon: 1 });

    const means = (await rows()).map(({ mean }) => (mean as number[])[0]);
    expect(means.toSorted((x, y) => x! - y!)).toEqual([-5e-324, 0.30000000000000004, 1e300]);
  });
});

it('reads, answers and stores 1,000 series of 512 points in one call', async () => {
  await storeManySeries(database().dataSource, { prefix: 's', count: 1000, length: 1000, end: '2026-05-01T00:00:00Z' });
  await database().dataSource.query('ANALYZE');
  const series = Array.from({ length: 1000 }, (_, i) => ({ itemId: `s-${i + 1}` }));

  const begin = performance.now();
  const { forecasts } = await forecast({ series, horizon: 24 });
  const seconds = (performance.now() - begin) / 1000;

  console.info(`1,000 series x 512 points, 24 steps, stored: ${seconds.toFixed(2)} s`);
  expect(forecasts).toHaveLength(1000);
  expect(forecaster.windows.every(({ target }) => target.length === 512)).toBe(true);
  const sine = Array.from({ length: 512 }, (_, i) => 10 * Math.sin(((488 + i) * Math.PI) / 12));
  const [first] = forecaster.windows;
  sine.forEach((value, i) => expect(first!.target[i]! - first!.target[4]! + sine[4]!).toBeCloseTo(value, 9));
}, 120_000);

describe('the models that are shipped', () => {
  let catalogue: ForecasterCatalogue;
  beforeAll(async () => {
    const env = loadEnv({ PROVIDER: 'cpu' });
    catalogue = await ForecasterCatalogue.load({ env, logger: silentLogger() });
  }, 60_000);
  afterAll(() => catalogue.close());
  const ask = (model: string, series: ForecastCommand['series'], horizon = 24) =>
    forecastService(database().dataSource, catalogue.resolve(model)).forecast(
      { series, horizon, model, store: true },
      new Date('2026-06-01T00:00:00Z'),
    );

  it('follow the day of a series', async () => {
    await storeManySeries(database().dataSource, { prefix: 's', count: 4, length: 512, end: '2026-05-01T00:00:00Z' });

    const { forecasts } = await ask(
      'auto',
      [1, 2, 3, 4].map((n) => ({ itemId: `s-${n}` })),
    );

    for (const { itemId, mean, quantiles, status, modelSha256, model } of forecasts) {
      const level = 100 + Number(itemId.slice(2));
      const day = Array.from({ length: 24 }, (_, step) => level + 10 * Math.sin(((512 + step) * Math.PI) / 12));
      const error = mean.reduce((sum, value, step) => sum + Math.abs(value - day[step]!), 0) / 24;
      expect(error).toBeLessThan(2);
      expect(status).toBe('ok');
      expect(quantiles).toHaveLength(24 * CANONICAL_LEVELS.length);
      expect(model === 'ttm/base' ? modelSha256 : null).toEqual(model === 'ttm/base' ? expect.any(String) : null);
    }
  });

  it('answer from the first point of a series, then from every next one', async () => {
    for (let length = 1; length <= 12; length++) {
      await store({ itemId: `n-${length}`, points: every(HOUR, '2026-01-01T00:00:00Z', length) });
    }

    const { forecasts, failures } = await ask(
      'auto',
      Array.from({ length: 12 }, (_, i) => ({ itemId: `n-${i + 1}` })),
    );

    expect(failures).toEqual([]);
    expect(forecasts[0]).toMatchObject({ status: 'freq-assumed', freq: 'PT1M' });
    for (const { mean, quantiles } of forecasts) {
      expect([...mean, ...quantiles].every(Number.isFinite)).toBe(true);
      for (let step = 0; step < 24; step++) {
        const row = quantiles.slice(step * 13, step * 13 + 13);
        expect(row).toEqual(row.toSorted((a, b) => a - b));
      }
    }
  });

  it('answer for every awkward series', async () => {
    const awkward: Record<string, readonly (number | null)[]> = {
      zeros: Array<number>(100).fill(0),
      constant: Array<number>(100).fill(7),
      huge: Array.from({ length: 100 }, (_, i) => 1e300 * (1 + Math.sin(i))),
      tiny: Array.from({ length: 100 }, (_, i) => 1e-300 * Math.sin(i)),
      counter: Array.from({ length: 600 }, (_, i) => 1e12 + i),
      spike: Array.from({ length: 100 }, (_, i) => (i === 50 ? 1e9 : 1)),
      gap: Array.from({ length: 300 }, (_, i) => (i > 100 && i < 290 ? null : i)),
      ends: [1, 2, 3, ...Array<null>(100).fill(null)],
      one: [5],
    };
    const series = Object.entries(awkward).map(([itemId, target]) => ({
      itemId,
      freq: 'PT1H',
      start: '2026-01-01T00:00:00Z',
      target,
    }));

    const ready = catalogue.describe().filter(({ state }) => state === 'ready');
    for (const model of ['auto', ...ready.map(({ name }) => name)]) {
      const { forecasts, failures } = await ask(model, series, 200);

      expect([model, failures.map(({ itemId, code }) => `${itemId} ${code}`)]).toEqual([model, []]);
      expect(forecasts).toHaveLength(series.length);
    }
  }, 60_000);
});
