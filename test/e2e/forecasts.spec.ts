import { loadEnv } from '@app/config';
import { ForecasterCatalogue } from '@app/forecasters';
import { silentLogger } from '@app/observability';
import { CANONICAL_LEVELS, Frequency, forecastTimes } from '@app/series';

import type { ForecastCommand } from '../../apps/forecaster/src/forecast-client.js';
import { LIMITS, forecastService } from '../../apps/forecaster/test/forecast-service.js';
import { storeManySeries } from '../../apps/forecaster/test/stored-series.js';
import { DAY, HOUR, NOW, every, iso, useForecasts } from '../support/forecasts.js';

const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const OTHER_TRACE = '00-1bf7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

const { database, forecaster, store, forecast } = useForecasts();
const rows = () => database().dataSource.query<Record<string, unknown>[]>(`SELECT * FROM forecasts`);

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
    expect(forecaster().calls).toHaveLength(1);
  });

  it('fail one by one', async () => {
    forecaster().tooShort.add('fan');

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
    forecaster().before = () => Promise.reject(new Error('worker died'));

    await expect(forecast({ series: [{ itemId: 'fan' }, { itemId: 'pump' }] })).rejects.toThrow('worker died');
    expect(forecaster().calls).toHaveLength(1);
  });

  it('are counted as channels against the limit, and horizons against theirs', async () => {
    const service = forecastService(database().dataSource, forecaster(), { ...LIMITS, MAX_SERIES_PER_CALL: 2 });
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
        parts: {
          observed: 30,
          context: {
            sha256: expect.stringMatching(/^[\da-f]{64}$/),
            points: 30,
            season: 1,
            knownAt: expect.any(Number),
            newest: Date.parse(issued!.cutoff),
            asked: 'auto',
          },
        },
        traceparent: TRACE,
        naive_error: 1,
        stored_in: expect.any(String),
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
  expect(forecaster().windows.every(({ target }) => target.length === 512)).toBe(true);
  const sine = Array.from({ length: 512 }, (_, i) => 10 * Math.sin(((488 + i) * Math.PI) / 12));
  const [first] = forecaster().windows;
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
