import { randomUUID } from 'node:crypto';
import { Module, type DynamicModule } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { TypeOrmModule } from '@nestjs/typeorm';
import { EnvModule, loadEnv } from '@app/config';
import { silentLogger } from '@app/observability';
import { createServer } from '@app/server';
import { CANONICAL_LEVELS } from '@app/series';
import type { DataSource } from 'typeorm';
import { ForecasterModule } from '../../apps/forecaster/src/forecaster.module.js';
import { GatewayModule } from '../../apps/gateway/src/gateway.module.js';
import { createDatabase, type TestDatabase } from '../support/database.js';

const env = loadEnv({ SCHEDULER: 'false', MAX_HORIZON: '1000', MAX_SERIES_PER_CALL: '20', MAX_BODY_BYTES: '2000000' });
const HOUR = 3_600_000;
const START = Date.UTC(2026, 0, 1);
const POINTS = 240;
/** Everything that a path, SQL or JSON could trip over. */
const AWKWARD = `a/b%2F c?d#e&f 'g' "h" \\ ü 水 ; DROP TABLE series; --`;

@Module({})
class GatewayProcess {
  static around(dataSource: DataSource): DynamicModule {
    const database = TypeOrmModule.forRootAsync({
      useFactory: () => dataSource.options,
      dataSourceFactory: () => Promise.resolve(dataSource),
    });
    const forecaster = ForecasterModule.register({ env, internalApi: false });
    return { module: GatewayProcess, imports: [EnvModule.register(env), database, forecaster, GatewayModule] };
  }
}

let database: TestDatabase;
let app: NestFastifyApplication;
let url: string;

type Json = Record<string, unknown>;
interface Answer<T = Json> {
  readonly status: number;
  readonly type: string | null;
  readonly body: T;
}

async function call<T = Json>(method: string, path: string, body?: unknown): Promise<Answer<T>> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(`${url}/api/v1${path}`, {
    method,
    ...(body === undefined ? {} : { body: text, headers: { 'content-type': 'application/json' } }),
  });
  const answer = await response.text();
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    body: (answer === '' ? {} : JSON.parse(answer)) as T,
  };
}
const get = <T = Json>(path: string) => call<T>('GET', path);
const post = <T = Json>(path: string, body: unknown) => call<T>('POST', path, body);
const series = (itemId: string, channel: string) =>
  `/series/${encodeURIComponent(itemId)}/${encodeURIComponent(channel)}`;

/** Stores an hourly series with a daily wave, and gives its id. */
async function store(itemId: string, channel: string, points = POINTS): Promise<number> {
  const [row] = await database.dataSource.query<{ series_id: number }[]>(
    `INSERT INTO series (item_id, channel, freq, season, labels) VALUES ($1, $2, 'PT1H', 24, $3) RETURNING series_id`,
    [itemId, channel, { site: itemId.startsWith('pump') ? 'north' : 'south' }],
  );
  await database.dataSource.query(`SELECT ensure_observation_partitions('2026-01-01Z', '2026-02-01Z')`);
  await database.dataSource.query(
    `INSERT INTO observations
     SELECT $1, $2::timestamptz + n * interval '1 hour', 10 + sin(n * pi() / 12), 0, $2::timestamptz + n * interval '1 hour'
     FROM generate_series(0, $3::int - 1) AS n`,
    [row!.series_id, new Date(START), points],
  );
  return row!.series_id;
}

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

const inline = (overrides: Json = {}) => ({
  item_id: 'shop',
  freq: 'P1D',
  start: '2026-03-20T00:00:00Z',
  target: [1, 2, 3, 4, 5, 6, 7, 1, 2, 3, 4, 5, 6, 7],
  ...overrides,
});

beforeAll(async () => {
  database = await createDatabase();
  app = await createServer(GatewayProcess.around(database.dataSource), { env, logger: silentLogger() });
  await app.listen(0, '127.0.0.1');
  url = await app.getUrl();
  await store('pump-7', 'flow');
  await store('pump-7', 'temp');
  await store('pump-8', 'flow', 3);
  await store(AWKWARD, AWKWARD);
}, 60_000);
afterAll(async () => {
  await app?.close();
  await database?.drop();
});

describe('GET /series', () => {
  it('lists series with what is known of them', async () => {
    const { status, body } = await get<{ series: Json[] }>('/series?item_id=pump-7');

    expect(status).toBe(200);
    expect(body.series).toEqual(
      ['flow', 'temp'].map((channel) => ({
        item_id: 'pump-7',
        channel,
        freq: 'PT1H',
        freq_declared: false,
        season: 24,
        season_declared: false,
        time_zone: 'UTC',
        unit: null,
        labels: { site: 'north' },
        last_ts: new Date(START + (POINTS - 1) * HOUR).toISOString(),
        created_at: expect.stringMatching(/^\d{4}-/) as string,
      })),
    );
  });

  it('walks through all of them page by page, each once', async () => {
    const found: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const { body } = (await get(`/series?limit=1${cursor && `&cursor=${cursor}`}`)) as Answer<{
        series: { item_id: string; channel: string }[];
        next_cursor: string | null;
      }>;
      found.push(...body.series.map(({ item_id, channel }) => `${item_id} ${channel}`));
      cursor = body.next_cursor;
    }

    expect(found.toSorted()).toEqual(['pump-7 flow', 'pump-7 temp', 'pump-8 flow', `${AWKWARD} ${AWKWARD}`].toSorted());
  });

  it('selects by labels, all of them', async () => {
    const items = async (query: string) =>
      (await get<{ series: { item_id: string }[] }>(`/series?${query}`)).body.series.map(({ item_id }) => item_id);

    expect(await items('label.site=north')).toEqual(['pump-7', 'pump-7', 'pump-8']);
    expect(await items('label.site=north&label.none=x')).toEqual([]);
    expect(await items(`item_id=${encodeURIComponent(AWKWARD)}`)).toEqual([AWKWARD]);
    expect(await items('item_id=absent')).toEqual([]);
  });
});

describe('PATCH /series/{item_id}/{channel}', () => {
  it('declares, keeps what is left out, merges labels, and takes back with null', async () => {
    await store('declared', 'value', 1);
    const path = series('declared', 'value');

    const declared = await call('PATCH', path, {
      freq: 'P7D',
      season: 52,
      time_zone: 'Europe/Berlin',
      unit: '€',
      labels: { shop: 'a' },
    });
    expect(declared).toMatchObject({
      status: 200,
      body: {
        freq: 'P1W',
        freq_declared: true,
        season: 52,
        season_declared: true,
        time_zone: 'Europe/Berlin',
        unit: '€',
        labels: { shop: 'a', site: 'south' },
      },
    });
    const partly = await call('PATCH', path, { freq: null, labels: { site: null } });
    expect(partly.body).toMatchObject({ freq: null, freq_declared: false, season: 52, labels: { shop: 'a' } });
  });

  it.each([
    [{ freq: 'hourly' }, 400, 'FREQ_INVALID'],
    [{ freq: 'P99999999Y' }, 400, 'FREQ_INVALID'],
    [{ time_zone: 'Mars/Olympus' }, 400, 'TIME_ZONE_INVALID'],
    [{ time_zone: '+03:00' }, 400, 'TIME_ZONE_INVALID'],
    [{ season: 0 }, 400, 'INVALID_REQUEST'],
    [{ labels: { a: { b: 1 } } }, 400, 'INVALID_REQUEST'],
    [{ unknown: 1 }, 400, 'INVALID_REQUEST'],
    [{}, 400, 'INVALID_REQUEST'],
  ])('refuses %j', async (patch, status, code) => {
    expect(await call('PATCH', series('pump-7', 'flow'), patch)).toMatchObject({ status, body: { code } });
  });

  it('names a series that is not there', async () => {
    expect(await call('PATCH', series('absent', 'x'), { unit: 'm' })).toMatchObject({
      status: 404,
      body: { code: 'NOT_FOUND', item_id: 'absent', channel: 'x' },
    });
  });
});

describe('GET /series/{item_id}/{channel}/observations', () => {
  interface Page {
    observations: { ts: string; value: number; known_at: string; flags?: string[] }[];
    next_cursor: string | null;
  }
  const path = `${series('pump-7', 'flow')}/observations`;

  it('gives the points in a range of time, the end excluded', async () => {
    const { status, body } = await get<Page>(`${path}?from=2026-01-01T02:00:00Z&to=2026-01-01T05:00:00%2B01:00`);

    expect(status).toBe(200);
    expect(body).toEqual({
      item_id: 'pump-7',
      channel: 'flow',
      observations: [2, 3].map((hour) => ({
        ts: new Date(START + hour * HOUR).toISOString(),
        value: expect.closeTo(10 + Math.sin((hour * Math.PI) / 12), 12) as number,
        known_at: new Date(START + hour * HOUR).toISOString(),
        flags: [],
      })),
      next_cursor: null,
    });
  });

  it('pages', async () => {
    const first = await get<Page>(`${path}?limit=100`);
    const second = await get<Page>(`${path}?limit=200&cursor=${first.body.next_cursor}`);

    const all = [...first.body.observations, ...second.body.observations].map(({ ts }) => Date.parse(ts));
    expect(all).toEqual(Array.from({ length: POINTS }, (_, n) => START + n * HOUR));
    expect(second.body.next_cursor).toBeNull();
  });

  it('answers with what was known at a time', async () => {
    const seriesId = await store('revised', 'value', 0);
    const at = (minute: number) => new Date(START + minute * 60_000);
    await database.dataSource.query(`INSERT INTO observations VALUES ($1, $2, 3, 4, $3), ($1, $4, 9, 2, $5)`, [
      seriesId,
      at(0),
      at(30),
      at(1),
      at(40),
    ]);
    await database.dataSource.query(
      `INSERT INTO observation_revisions VALUES ($1, $2, 1, $3, $4), ($1, $2, 2, $4, $5)`,
      [seriesId, at(0), at(10), at(20), at(30)],
    );
    const knownAt = async (minute?: number) => {
      const query = minute === undefined ? '' : `?as_of=${at(minute).toISOString()}`;
      const { body } = await get<Page>(`${series('revised', 'value')}/observations${query}`);
      return body.observations.map(({ value, flags }) => [value, flags]);
    };

    expect(await knownAt()).toEqual([
      [3, ['revised']],
      [9, ['late']],
    ]);
    expect(await knownAt(9)).toEqual([]);
    expect(await knownAt(10)).toEqual([[1, undefined]]);
    expect(await knownAt(20)).toEqual([[2, undefined]]);
    expect(await knownAt(35)).toEqual([[3, undefined]]);
    expect(await knownAt(40)).toEqual([
      [3, undefined],
      [9, undefined],
    ]);
  });

  it('finds a series whose name needs every kind of encoding', async () => {
    const { status, body } = await get<Page & Json>(`${series(AWKWARD, AWKWARD)}/observations?limit=1`);

    expect(status).toBe(200);
    expect(body).toMatchObject({ item_id: AWKWARD, channel: AWKWARD, observations: [{ value: 10 }] });
  });
});

describe('POST /forecasts', () => {
  it('forecasts a stored series and keeps the forecast', async () => {
    const { status, body } = await post<Forecasts>('/forecasts', {
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
    expect(forecast!.provider).toMatch(/^(cpu|cuda|webgpu|js)$/);
    expect(forecast!.ts).toEqual(
      Array.from({ length: 24 }, (_, step) => new Date(cutoff + (step + 1) * HOUR).toISOString()),
    );
    expect(Object.keys(forecast!.quantiles)).toEqual(['0.1', '0.123', '0.9']);
    for (let step = 0; step < 24; step++) {
      expect(forecast!.quantiles['0.1']![step]).toBeLessThanOrEqual(forecast!.quantiles['0.123']![step]!);
      expect(forecast!.quantiles['0.123']![step]).toBeLessThanOrEqual(forecast!.quantiles['0.9']![step]!);
      expect(forecast!.mean[step]).toBeCloseTo(10 + Math.sin(((POINTS + step) * Math.PI) / 12), 0);
    }

    const again = await get<Forecast>(`/forecasts/${forecast!.forecast_id}?levels=0.1,0.123,0.9`);
    expect(again).toMatchObject({ status: 200, body: forecast });
    const latest = await get<Forecasts>('/forecasts/latest?item_id=pump-7&channel=flow&levels=0.1&levels=0.123,0.9');
    expect(latest.body.forecasts).toEqual([forecast]);
  });

  it('takes coverage instead of levels, one or several', async () => {
    const levels = async (coverage: unknown) =>
      (await post<Forecasts>('/forecasts', { item_id: 'pump-7', channel: 'flow', horizon: 1, coverage })).body
        .forecasts[0]!.levels;

    expect(await levels(0.8)).toEqual([0.1, 0.9]);
    expect(await levels([0.95, 0.8])).toEqual([0.025, 0.1, 0.9, 0.975]);
  });

  it('answers at the canonical levels when none are asked for', async () => {
    const { body } = await post<Forecasts>('/forecasts', { item_id: 'pump-7', channel: 'flow', horizon: 2 });

    expect(body.forecasts[0]!.levels).toEqual(CANONICAL_LEVELS);
  });

  it('takes the model that is named', async () => {
    const { body } = await post<Forecasts>('/forecasts', {
      item_id: 'pump-7',
      channel: 'flow',
      horizon: 2,
      model: 'seasonal-naive',
    });

    expect(body.forecasts[0]).toMatchObject({ model: 'seasonal-naive', provider: 'js' });
  });

  it('forecasts all channels of many items in one call, and lists those that fail', async () => {
    const { status, body } = await post<Forecasts>('/forecasts', {
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
    const { status, body } = await post<Forecasts>('/forecasts', {
      series: [
        inline({ start: '2026-03-13T23:00:00Z', time_zone: 'Europe/Berlin' }),
        inline({ item_id: 'gap', channel: 'c', target: [1, null, 3] }),
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
    expect(await database.dataSource.query(`SELECT 1 FROM series WHERE item_id IN ('shop', 'gap')`)).toEqual([]);
  });

  it('forecasts with what was known at a time', async () => {
    const { body } = await post<Forecasts>('/forecasts', {
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
      { series: [inline({ target: [1, 2, 'three'] })], horizon: 1 },
      { item_id: 'shop', index: 2, ts: '2026-03-22T00:00:00.000Z' },
    ],
    [
      'a value beyond the numbers',
      '{"series":[{"item_id":"big","freq":"PT1H","start":"2026-01-01T00:00:00Z","target":[1,1e999]}],"horizon":1}',
      { item_id: 'big', index: 1, ts: '2026-01-01T01:00:00.000Z' },
    ],
  ])('names the series and the time of %s', async (_name, body, details) => {
    expect(await post('/forecasts', body)).toMatchObject({
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
    ['both item and series', { item_id: 'pump-7', series: [inline()], horizon: 1 }, 400, 'INVALID_REQUEST'],
    [
      'as_of of an inline series',
      { series: [inline()], horizon: 1, as_of: '2026-01-01T00:00:00Z' },
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
    ['a frequency in words', { series: [inline({ freq: 'daily' })], horizon: 1 }, 400, 'FREQ_INVALID'],
    ['a start that is no time', { series: [inline({ start: 'yesterday' })], horizon: 1 }, 400, 'TS_INVALID'],
    ['an unknown zone', { series: [inline({ time_zone: 'Mars/Olympus' })], horizon: 1 }, 400, 'TIME_ZONE_INVALID'],
    ['a series of gaps', { series: [inline({ target: [null, null] })], horizon: 1 }, 422, 'NO_OBSERVATIONS'],
    ['an empty series', { series: [inline({ target: [] })], horizon: 1 }, 400, 'INVALID_REQUEST'],
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
    ['a deep JSON', `{"series":${'['.repeat(200_000)}${']'.repeat(200_000)},"horizon":1}`, 400, 'INVALID_REQUEST'],
    [
      'a deep JSON of objects',
      `{"series":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)},"horizon":1}`,
      400,
      'INVALID_REQUEST',
    ],
    ['a huge body', `{"item_id":"${'x'.repeat(2_000_000)}","horizon":1}`, 413, 'PAYLOAD_TOO_LARGE'],
  ])('refuses %s', async (_name, body, status, code) => {
    const answer = await post('/forecasts', body);

    expect(answer).toMatchObject({ status, body: { status, code } });
    expect(answer.type).toMatch(/^application\/problem\+json/);
    expect(String(answer.body['detail'])).not.toBe('');
  });
});

describe('GET /forecasts/…', () => {
  it('gives the newest forecast of every channel of an item', async () => {
    await post('/forecasts', { item_id: AWKWARD, horizon: 3, as_of: '2026-01-03T00:00:00Z' });
    const made = await post<Forecasts>('/forecasts', { item_id: AWKWARD, horizon: 2, coverage: 0.8 });

    const { body } = await get<Forecasts>(`/forecasts/latest?item_id=${encodeURIComponent(AWKWARD)}&coverage=0.8`);

    expect(body.forecasts).toEqual(made.body.forecasts);
  });

  it.each([
    ['/forecasts/latest?item_id=absent', 404, 'NOT_FOUND'],
    ['/forecasts/latest?item_id=revised', 404, 'NOT_FOUND'],
    ['/forecasts/latest', 400, 'INVALID_REQUEST'],
    ['/forecasts/latest?item_id=pump-7&levels=0.1&coverage=0.8', 400, 'LEVELS_INVALID'],
    ['/forecasts/latest?item_id=pump-7&levels=0.1,,0.9', 400, 'INVALID_REQUEST'],
    ['/forecasts/latest?item_id=pump-7&levels=low', 400, 'INVALID_REQUEST'],
    ['/forecasts/latest?item_id=pump-7&item_id=pump-8', 400, 'INVALID_REQUEST'],
    ['/forecasts/latest?item_id=pump-7&horizon=3', 400, 'INVALID_REQUEST'],
    [`/forecasts/${randomUUID()}`, 404, 'NOT_FOUND'],
    ['/forecasts/17', 400, 'INVALID_REQUEST'],
    ["/forecasts/1'%20OR%201=1", 400, 'INVALID_REQUEST'],
    ['/series?limit=0', 400, 'INVALID_REQUEST'],
    ['/series?limit=1e9', 400, 'INVALID_REQUEST'],
    ['/series?limit=1&limit=2', 400, 'INVALID_REQUEST'],
    ['/series?cursor=x', 400, 'INVALID_REQUEST'],
    ['/series?site=north', 400, 'INVALID_REQUEST'],
    ['/series?label.site=a&label.site=b', 400, 'INVALID_REQUEST'],
    ['/series?item_id=%00', 400, 'INVALID_REQUEST'],
    ['/series/pump-7/absent/observations', 404, 'NOT_FOUND'],
    ['/series/pump-7/flow/observations?from=yesterday', 400, 'INVALID_REQUEST'],
    [`/series/pump-7/flow/observations?cursor=${Buffer.from('["x"]').toString('base64url')}`, 400, 'INVALID_REQUEST'],
    ['/series/%E0%A4%A/flow/observations', 400, 'INVALID_REQUEST'],
    ['/jobs/17', 404, 'NOT_FOUND'],
    [`/jobs/${randomUUID()}/runs`, 404, 'NOT_FOUND'],
    ['/nowhere', 404, 'NOT_FOUND'],
  ])('answers %s with a problem', async (path, status, code) => {
    const answer = await get(path);

    expect(answer).toMatchObject({ status, body: { code } });
    expect(answer.type).toMatch(/^application\/problem\+json/);
  });
});

describe('/jobs', () => {
  it('creates, shows, runs, pauses and removes a schedule', async () => {
    const created = await post<{ job_id: string }>('/jobs', {
      name: 'pumps',
      cron: '5 * * * *',
      time_zone: 'Europe/Berlin',
      selector: { item_ids: ['pump-7'] },
      horizon: 24,
    });
    expect(created).toMatchObject({
      status: 201,
      body: {
        name: 'pumps',
        time_zone: 'Europe/Berlin',
        selector: { item_ids: ['pump-7'] },
        horizon: 24,
        model: 'auto',
        enabled: true,
      },
    });
    const path = `/jobs/${created.body.job_id}`;

    expect((await get(path)).body).toEqual(created.body);
    expect((await get('/jobs')).body).toEqual({ jobs: [created.body] });
    expect(await call('PATCH', path, { enabled: false })).toMatchObject({ status: 200, body: { enabled: false } });

    const run = await call('POST', `${path}/run`);
    expect(run).toMatchObject({
      status: 202,
      body: { status: 'running', series_done: 0, failures: [], finished_at: null },
    });
    expect(await call('POST', `${path}/run`)).toMatchObject({ status: 409, body: { code: 'RUN_IN_PROGRESS' } });
    expect((await get(`${path}/runs`)).body).toEqual({ runs: [run.body] });

    expect((await call('DELETE', path)).status).toBe(204);
    expect((await get(path)).status).toBe(404);
  });

  it.each<[Json, number, string]>([
    [{ cron: 'hourly' }, 400, 'CRON_INVALID'],
    [{ time_zone: 'Mars/Olympus' }, 400, 'TIME_ZONE_INVALID'],
    [{ horizon: 1e9 }, 400, 'HORIZON_TOO_LONG'],
    [{ horizon: undefined }, 400, 'INVALID_REQUEST'],
    [{ selector: { itemIds: ['pump-7'] } }, 400, 'INVALID_REQUEST'],
    [{ selector: { item_ids: [] } }, 400, 'INVALID_REQUEST'],
    [{ selector: { labels: { site: 1 } } }, 400, 'INVALID_REQUEST'],
    [{ name: '' }, 400, 'INVALID_REQUEST'],
    [{ name: 'taken' }, 409, 'JOB_NAME_TAKEN'],
  ])('refuses %j', async (overrides, status, code) => {
    await post('/jobs', { name: 'taken', cron: '0 0 * * *', horizon: 1 });

    const answer = await post('/jobs', { cron: '0 0 * * *', horizon: 1, ...overrides });

    expect(answer).toMatchObject({ status, body: { code } });
  });
});

describe('GET /models', () => {
  it('lists what a request can name, and where each runs', async () => {
    const { body } = await get<{ models: { name: string; state: string; provider?: string }[] }>('/models');

    expect(body.models).toContainEqual({
      name: 'seasonal-naive',
      family: 'seasonal-naive',
      kind: 'baseline',
      state: 'ready',
      provider: 'js',
    });
    for (const { name, state } of body.models.filter((model) => model.state === 'ready')) {
      const { status } = await post('/forecasts', { series: [inline()], horizon: 1, model: name });
      expect([name, state, status]).toEqual([name, 'ready', 200]);
    }
  });
});

describe('/docs, /health and /metrics', () => {
  const text = async (path: string) => (await fetch(url + path)).text();

  it('document every operation: what it does, an example, and how it fails', async () => {
    const { paths } = JSON.parse(await text('/docs/openapi.json')) as {
      paths: Record<
        string,
        Record<string, { summary?: string; responses: Record<string, { content?: Record<string, Json> }> }>
      >;
    };
    const operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, ...operation })),
    );
    const api = operations.filter(({ name }) => name.includes('/api/v1/'));

    expect(api.map(({ name }) => name.replace('/api/v1', '')).sort()).toEqual([
      'DELETE /jobs/{job_id}',
      'GET /forecasts/latest',
      'GET /forecasts/{forecast_id}',
      'GET /jobs',
      'GET /jobs/{job_id}',
      'GET /jobs/{job_id}/runs',
      'GET /models',
      'GET /series',
      'GET /series/{item_id}/{channel}/observations',
      'PATCH /jobs/{job_id}',
      'PATCH /series/{item_id}/{channel}',
      'POST /forecasts',
      'POST /jobs',
      'POST /jobs/{job_id}/run',
      'POST /observations',
    ]);
    for (const { name, summary, responses } of api) {
      expect([name, summary]).toEqual([name, expect.stringMatching(/\w/)]);
      const contents = Object.values(responses).map(({ content }) => content ?? {});
      expect([name, contents.some((content) => 'application/problem+json' in content)]).toEqual([name, true]);
      if (name.startsWith('DELETE') || name === 'POST /api/v1/observations') continue;
      expect([
        name,
        contents.some((content) => JSON.stringify(content['application/json'] ?? {}).includes('"example"')),
      ]).toEqual([name, true]);
    }
  });

  it('say that the process is ready, and count its requests', async () => {
    expect((await fetch(`${url}/health/ready`)).status).toBe(200);
    expect(await text('/metrics')).toContain('route="/api/v1/series/:item_id/:channel/observations"');
    expect(await text('/metrics')).toContain('tidecast_forecasts_total');
  });
});

describe('POST /observations', () => {
  it('is served here too', async () => {
    expect(await post('/observations', { item_id: 'new', ts: '2026-01-01T00:00:00Z', values: { v: 1 } })).toMatchObject(
      {
        status: 202,
        body: { accepted: 1, rejected: 0 },
      },
    );
  });
});
