import { randomUUID } from 'node:crypto';
import { CANONICAL_LEVELS } from '@app/series';
import { useRestProcess, type Json } from '../support/rest-process.js';
import { AWKWARD, HOUR, inlineSeries, POINTS, START, storeSeries, storeUsualSeries } from '../support/rest-series.js';

const rest = useRestProcess(async (process) => {
  await storeUsualSeries(process);
  await storeSeries(process, 'idle', 'value', 1);
});

interface Forecast {
  readonly forecast_id: string | null;
  readonly item_id: string;
  readonly channel: string;
  readonly model: string;
  readonly provider: string;
  readonly status: string;
  readonly cutoff: string;
  readonly freq: string;
  readonly start: string;
  readonly ts: string[];
  readonly levels: number[];
  readonly mean: number[];
  readonly quantiles: Record<string, number[]>;
}
interface Forecasts {
  readonly forecasts: Forecast[];
  readonly failures?: Json[];
}

describe('POST /forecasts', () => {
  it('forecasts a stored series and keeps the forecast', async () => {
    const { status, body } = await rest().post<Forecasts>('/forecasts', {
      item_id: 'pump-7',
      channel: 'flow',
      horizon: 24,
      levels: [0.9, 0.1, 0.123, 0.1],
    });

    expect(status).toBe(200);
    expect(Object.keys(body)).toEqual(['forecasts']);
    const [forecast] = body.forecasts;
    const cutoff = START + (POINTS - 1) * HOUR;
    expect(forecast).toMatchObject({
      item_id: 'pump-7',
      channel: 'flow',
      cutoff: new Date(cutoff).toISOString(),
      start: new Date(cutoff + HOUR).toISOString(),
      freq: 'PT1H',
      levels: [0.1, 0.123, 0.9],
      status: 'ok',
    });
    expect(forecast!.model).not.toBe('auto');
    expect(forecast!.provider).toMatch(/^(cpu|cuda|webgpu|js)(\+js)?$/);
    expect(forecast!.ts).toEqual(
      Array.from({ length: 24 }, (_, step) => new Date(cutoff + (step + 1) * HOUR).toISOString()),
    );
    expect(Object.keys(forecast!.quantiles)).toEqual(['0.1', '0.123', '0.9']);
    for (let step = 0; step < 24; step++) {
      expect(forecast!.quantiles['0.1']![step]).toBeLessThanOrEqual(forecast!.quantiles['0.123']![step]!);
      expect(forecast!.quantiles['0.123']![step]).toBeLessThanOrEqual(forecast!.quantiles['0.9']![step]!);
      expect(forecast!.mean[step]).toBeCloseTo(10 + Math.sin(((POINTS + step) * Math.PI) / 12), 0);
    }

    const again = await rest().get<Forecast>(`/forecasts/${forecast!.forecast_id}?levels=0.1,0.123,0.9`);
    expect(again).toMatchObject({ status: 200, body: forecast });
    const latest = await rest().get<Forecasts>(
      '/forecasts/latest?item_id=pump-7&channel=flow&levels=0.1&levels=0.123,0.9',
    );
    expect(latest.body.forecasts).toEqual([forecast]);
  });

  it('takes coverage instead of levels, one or several', async () => {
    const levels = async (coverage: unknown) =>
      (await rest().post<Forecasts>('/forecasts', { item_id: 'pump-7', channel: 'flow', horizon: 1, coverage })).body
        .forecasts[0]!.levels;

    expect(await levels(0.8)).toEqual([0.1, 0.9]);
    expect(await levels([0.95, 0.8])).toEqual([0.025, 0.1, 0.9, 0.975]);
  });

  it('answers at the canonical levels when none are asked for', async () => {
    const { body } = await rest().post<Forecasts>('/forecasts', { item_id: 'pump-7', channel: 'flow', horizon: 2 });

    expect(body.forecasts[0]!.levels).toEqual(CANONICAL_LEVELS);
  });

  it('takes the model that is named', async () => {
    const { body } = await rest().post<Forecasts>('/forecasts', {
      item_id: 'pump-7',
      channel: 'flow',
      horizon: 2,
      model: 'seasonal-naive',
    });

    expect(body.forecasts[0]).toMatchObject({ model: 'seasonal-naive', provider: 'js' });
  });

  it('forecasts all channels of many items in one call, and lists those that fail', async () => {
    const { status, body } = await rest().post<Forecasts>('/forecasts', {
      item_id: ['pump-7', 'absent', 'pump-8', 'pump-7'],
      horizon: 3,
    });

    expect(status).toBe(200);
    expect(body.forecasts.map(({ item_id, channel }) => `${item_id} ${channel}`)).toEqual([
      'pump-7 flow',
      'pump-7 temp',
      'pump-8 flow',
    ]);
    expect(body.failures).toEqual([
      { item_id: 'absent', channel: null, code: 'NOT_FOUND', message: expect.any(String) as string },
    ]);
  });

  it('forecasts inline series, on the wall clock of their zone, and keeps nothing', async () => {
    const { status, body } = await rest().post<Forecasts>('/forecasts', {
      series: [
        inlineSeries({ start: '2026-03-13T23:00:00Z', time_zone: 'Europe/Berlin' }),
        inlineSeries({ item_id: 'gap', channel: 'c', target: [1, null, 3] }),
      ],
      horizon: 3,
      coverage: 0.8,
    });

    expect(status).toBe(200);
    expect(body.forecasts[0]).toMatchObject({
      forecast_id: null,
      item_id: 'shop',
      channel: 'value',
      cutoff: '2026-03-26T23:00:00.000Z',
      ts: ['2026-03-27T23:00:00.000Z', '2026-03-28T23:00:00.000Z', '2026-03-29T22:00:00.000Z'],
    });
    expect(body.forecasts[1]).toMatchObject({ item_id: 'gap', channel: 'c' });
    expect(await rest().dataSource.query(`SELECT 1 FROM series WHERE item_id IN ('shop', 'gap')`)).toEqual([]);
  });

  it('forecasts with what was known at a time', async () => {
    const { body } = await rest().post<Forecasts>('/forecasts', {
      item_id: 'pump-7',
      channel: 'flow',
      horizon: 1,
      as_of: '2026-01-05T00:30:00Z',
    });

    expect(body.forecasts[0]!.cutoff).toBe('2026-01-05T00:00:00.000Z');
  });

  it.each([
    [
      'a value that is no number',
      { series: [inlineSeries({ target: [1, 2, 'three'] })], horizon: 1 },
      { item_id: 'shop', index: 2, ts: '2026-03-22T00:00:00.000Z' },
    ],
    [
      'a value beyond the numbers',
      '{"series":[{"item_id":"big","freq":"PT1H","start":"2026-01-01T00:00:00Z","target":[1,1e999]}],"horizon":1}',
      { item_id: 'big', index: 1, ts: '2026-01-01T01:00:00.000Z' },
    ],
  ])('names the series and the time of %s', async (_name, body, details) => {
    expect(await rest().post('/forecasts', body)).toMatchObject({
      status: 400,
      body: { code: 'VALUE_NOT_FINITE', ...details },
    });
  });

  it.each<[string, unknown, number, string]>([
    [
      'levels and coverage together',
      { item_id: 'pump-7', horizon: 1, levels: [0.1], coverage: 0.8 },
      400,
      'LEVELS_INVALID',
    ],
    ['a level of 1', { item_id: 'pump-7', horizon: 1, levels: [0.5, 1] }, 400, 'LEVELS_INVALID'],
    ['a coverage in percent', { item_id: 'pump-7', horizon: 1, coverage: 80 }, 400, 'LEVELS_INVALID'],
    [
      'a coverage that rounds to all',
      { item_id: 'pump-7', horizon: 1, coverage: 0.9999999999999 },
      400,
      'LEVELS_INVALID',
    ],
    ['no levels', { item_id: 'pump-7', horizon: 1, levels: [] }, 400, 'LEVELS_INVALID'],
    ['a horizon of 1e9', { item_id: 'pump-7', horizon: 1e9 }, 400, 'HORIZON_TOO_LONG'],
    ['a horizon of 0', { item_id: 'pump-7', horizon: 0 }, 400, 'INVALID_REQUEST'],
    ['a broken horizon', { item_id: 'pump-7', horizon: 1.5 }, 400, 'INVALID_REQUEST'],
    ['a horizon in words', { item_id: 'pump-7', horizon: '24' }, 400, 'INVALID_REQUEST'],
    [
      'too many series',
      { item_id: Array.from({ length: 21 }, (_, n) => `item-${n}`), horizon: 1 },
      400,
      'TOO_MANY_SERIES',
    ],
    ['neither item nor series', { horizon: 1 }, 400, 'INVALID_REQUEST'],
    ['both item and series', { item_id: 'pump-7', series: [inlineSeries()], horizon: 1 }, 400, 'INVALID_REQUEST'],
    [
      'as_of of an inline series',
      { series: [inlineSeries()], horizon: 1, as_of: '2026-01-01T00:00:00Z' },
      400,
      'INVALID_REQUEST',
    ],
    [
      'as_of without an offset',
      { item_id: 'pump-7', horizon: 1, as_of: '2026-01-01T00:00:00' },
      400,
      'INVALID_REQUEST',
    ],
    ['as_of on 30 February', { item_id: 'pump-7', horizon: 1, as_of: '2026-02-30T00:00:00Z' }, 400, 'INVALID_REQUEST'],
    ['as_of in the future', { item_id: 'pump-7', horizon: 1, as_of: '2999-01-01T00:00:00Z' }, 400, 'INVALID_REQUEST'],
    ['an unknown field', { item_id: 'pump-7', horizn: 1, horizon: 1 }, 400, 'INVALID_REQUEST'],
    ['an unknown model', { item_id: 'pump-7', channel: 'flow', horizon: 1, model: 'oracle' }, 404, 'MODEL_NOT_FOUND'],
    ['an unknown item', { item_id: "'; DROP TABLE series; --", horizon: 1 }, 404, 'NOT_FOUND'],
    ['an item with a NUL', { item_id: 'a\0b', horizon: 1 }, 400, 'INVALID_REQUEST'],
    ['a frequency in words', { series: [inlineSeries({ freq: 'daily' })], horizon: 1 }, 400, 'FREQ_INVALID'],
    ['a start that is no time', { series: [inlineSeries({ start: 'yesterday' })], horizon: 1 }, 400, 'TS_INVALID'],
    [
      'an unknown zone',
      { series: [inlineSeries({ time_zone: 'Mars/Olympus' })], horizon: 1 },
      400,
      'TIME_ZONE_INVALID',
    ],
    ['a series of gaps', { series: [inlineSeries({ target: [null, null] })], horizon: 1 }, 422, 'NO_OBSERVATIONS'],
    ['an empty series', { series: [inlineSeries({ target: [] })], horizon: 1 }, 400, 'INVALID_REQUEST'],
    [
      'NaN',
      '{"series":[{"item_id":"n","freq":"PT1H","start":"2026-01-01T00:00:00Z","target":[NaN]}],"horizon":1}',
      400,
      'MALFORMED_JSON',
    ],
    ['half a JSON', '{"item_id": "pump-7", ', 400, 'MALFORMED_JSON'],
    ['a list', [], 400, 'INVALID_REQUEST'],
    ['null', 'null', 400, 'INVALID_REQUEST'],
    ['a prototype', '{"__proto__": {"horizon": 1}, "item_id": "pump-7"}', 400, 'MALFORMED_JSON'],
    ['a deep JSON', `{"series":${'['.repeat(200_000)}${']'.repeat(200_000)},"horizon":1}`, 400, 'MALFORMED_JSON'],
    [
      'a deep JSON of objects',
      `{"series":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)},"horizon":1}`,
      400,
      'MALFORMED_JSON',
    ],
    ['a huge body', `{"item_id":"${'x'.repeat(2_000_000)}","horizon":1}`, 413, 'PAYLOAD_TOO_LARGE'],
  ])('refuses %s', async (_name, body, status, code) => {
    const answer = await rest().post('/forecasts', body);

    expect(answer).toMatchObject({ status, body: { status, code } });
    expect(answer.type).toMatch(/^application\/problem\+json/);
    expect(String(answer.body['detail'])).not.toBe('');
  });
});

describe('GET /forecasts/…', () => {
  it('gives the newest forecast of every channel of an item', async () => {
    await rest().post('/forecasts', { item_id: AWKWARD, horizon: 3, as_of: '2026-01-03T00:00:00Z' });
    const made = await rest().post<Forecasts>('/forecasts', { item_id: AWKWARD, horizon: 2, coverage: 0.8 });

    const { body } = await rest().get<Forecasts>(
      `/forecasts/latest?item_id=${encodeURIComponent(AWKWARD)}&coverage=0.8`,
    );

    expect(body.forecasts).toEqual(made.body.forecasts);
  });

  it('gives what was foretold before a time, and what it was made of', async () => {
    const path = `/forecasts/latest?item_id=${encodeURIComponent(AWKWARD)}&cutoff_before=2026-01-03T00:00:01Z`;
    const [earlier] = (await rest().get<Forecasts>(`${path}&parts=true`)).body.forecasts;

    expect(earlier).toMatchObject({ cutoff: '2026-01-03T00:00:00.000Z', parts: { context: expect.any(Object) } });
    expect((await rest().get<Forecasts>(path)).body.forecasts[0]).not.toHaveProperty('parts');
    expect(await rest().get(path.replace('00:00:01Z', '00:00:00Z'))).toMatchObject({
      status: 404,
      body: { detail: expect.stringContaining('whose context ends before 2026-01-03') },
    });
  });

  it.each([
    ['/forecasts/latest?item_id=absent', 404, 'NOT_FOUND'],
    ['/forecasts/latest?item_id=idle', 404, 'NOT_FOUND'],
    ['/forecasts/latest', 400, 'INVALID_REQUEST'],
    ['/forecasts/latest?item_id=pump-7&levels=0.1&coverage=0.8', 400, 'LEVELS_INVALID'],
    ['/forecasts/latest?item_id=pump-7&levels=0.1,,0.9', 400, 'INVALID_REQUEST'],
    ['/forecasts/latest?item_id=pump-7&levels=low', 400, 'INVALID_REQUEST'],
    ['/forecasts/latest?item_id=pump-7&item_id=pump-8', 400, 'INVALID_REQUEST'],
    ['/forecasts/latest?item_id=pump-7&horizon=3', 400, 'INVALID_REQUEST'],
    [`/forecasts/${randomUUID()}`, 404, 'NOT_FOUND'],
    ['/forecasts/17', 400, 'INVALID_REQUEST'],
    ["/forecasts/1'%20OR%201=1", 400, 'INVALID_REQUEST'],
  ])('answers %s with a problem', async (path, status, code) => {
    const answer = await rest().get(path);

    expect(answer).toMatchObject({ status, body: { code } });
    expect(answer.type).toMatch(/^application\/problem\+json/);
  });
});
