import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PlatformError } from '@app/observability';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';

import { truncate, useDatabase } from '../../../test/support/database.js';
import { startForecaster } from '../test/forecaster-server.js';
import { RecordingForecaster, catalogueOf } from '../test/recording-forecaster.js';
import { storeSeries } from '../test/stored-series.js';
import { FORECAST_CLIENT, type ForecastClient, type ForecastCommand } from './forecast-client.js';
import { HttpForecastClient } from './http-forecast-client.js';

const HOUR = 3_600_000;
const START = Date.parse('2026-01-01T00:00:00Z');
const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const database = useDatabase();

describe.each(['in process', 'over HTTP'])('a forecast client %s', (way) => {
  let forecaster: RecordingForecaster;
  let app: NestFastifyApplication;
  let client: ForecastClient;
  beforeAll(async () => {
    forecaster = new RecordingForecaster();
    app = await startForecaster(database().url, { catalogue: catalogueOf(forecaster) });
    client = way === 'in process' ? app.get(FORECAST_CLIENT) : new HttpForecastClient(`${await app.getUrl()}/`);
  });
  afterAll(() => app.close());
  beforeEach(async () => {
    forecaster.before = () => undefined;
    await truncate(database().dataSource, 'forecasts', 'observations', 'series');
    const points = [0, 1, 2, 3].map((i) => [START + i * HOUR, i / 3] as const);
    await storeSeries(database().dataSource, { itemId: 'a', channel: 'flow', freq: 'PT1H', points });
    await storeSeries(database().dataSource, { itemId: 'a', channel: 'new' });
  });
  const ask = (command: Partial<ForecastCommand>) =>
    client.forecast({ series: [{ itemId: 'a' }], horizon: 2, model: 'auto', store: true, ...command });

  it('gives forecasts and failures as plain JSON', async () => {
    const inline = { itemId: 'b', freq: 'P1D', start: '2026-01-01T00:00:00Z', target: [1, null, 3] };

    const outcome = await ask({ series: [{ itemId: 'a' }, inline], traceparent: TRACE });

    expect(outcome.forecasts).toEqual([
      {
        forecastId: expect.stringMatching(/^[\da-f-]{36}$/),
        itemId: 'a',
        channel: 'flow',
        model: 'last-value',
        modelSha256: null,
        provider: 'js',
        cutoff: '2026-01-01T03:00:00.000Z',
        start: '2026-01-01T04:00:00.000Z',
        freq: 'PT1H',
        timeZone: 'UTC',
        levels: expect.arrayContaining([0.025, 0.5, 0.975]),
        mean: [1, 1],
        quantiles: expect.any(Array),
        status: 'short-context',
        parts: { observed: 4 },
        issuedAt: expect.stringMatching(/Z$/),
      },
      expect.objectContaining({ forecastId: null, itemId: 'b', channel: 'value', mean: [3, 3] }),
    ]);
    expect(outcome.failures).toMatchObject([{ itemId: 'a', channel: 'new', code: 'NO_OBSERVATIONS' }]);
    expect(JSON.parse(JSON.stringify(outcome))).toEqual(outcome);
    const [stored] = await database().dataSource.query(`SELECT traceparent, quantiles FROM forecasts`);
    expect(stored).toEqual({ traceparent: TRACE, quantiles: outcome.forecasts[0]!.quantiles });
  });

  it.each([
    [{ series: [{ itemId: 'ghost' }] }, 'NOT_FOUND', { itemId: 'ghost' }],
    [{ series: [{ itemId: 'a', channel: 'new' }] }, 'NO_OBSERVATIONS', { itemId: 'a', channel: 'new' }],
    [{ horizon: 100_000 }, 'HORIZON_TOO_LONG', { maxHorizon: 4096 }],
    [{ horizon: 1.5 }, 'INVALID_REQUEST', {}],
    [{ model: 'nonsense' }, 'MODEL_NOT_FOUND', {}],
    [{ asOf: '2999-01-01T00:00:00Z' }, 'INVALID_REQUEST', {}],
  ])('throws for %j', async (command, code, details) => {
    const error = await ask(command).catch((thrown: unknown) => thrown);

    expect(error).toBeInstanceOf(PlatformError);
    expect(error).toMatchObject({ code, message: expect.stringMatching(/\w/), details });
  });

  it('passes on that the queue is full', async () => {
    forecaster.before = () => Promise.reject(new PlatformError('OVERLOADED', 'the queue is full'));

    await expect(ask({})).rejects.toMatchObject({ code: 'OVERLOADED', message: 'the queue is full' });
  });

  it('describes the models', async () => {
    await expect(client.models()).resolves.toEqual([
      { name: 'last-value', family: 'last-value', kind: 'baseline', state: 'ready', provider: 'js' },
    ]);
  });
});

describe('HttpForecastClient', () => {
  const command = { series: [{ itemId: 'a' }], horizon: 1, model: 'auto', store: false };
  const servers: Server[] = [];
  afterEach(() => servers.splice(0).forEach((server) => server.close().closeAllConnections()));
  const answering = async (...answer: [status: number, body: string] | []) => {
    const server = createServer((_, response) => {
      if (answer.length > 0) response.writeHead(answer[0]!).end(answer[1]);
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };

  it('says so when nobody listens', async () => {
    const url = await answering();
    servers.pop()!.close();
    const client = new HttpForecastClient(url);

    const error = { code: 'FORECASTER_UNAVAILABLE', status: 503, message: expect.stringContaining(`${url} can't`) };
    await expect(client.forecast(command)).rejects.toMatchObject(error);
    await expect(client.models()).rejects.toMatchObject(error);
  });

  it('does not wait for ever', async () => {
    const client = new HttpForecastClient(await answering(), { timeoutMs: 100 });

    await expect(client.forecast(command)).rejects.toMatchObject({
      code: 'FORECASTER_UNAVAILABLE',
      message: expect.stringContaining('in time'),
    });
  });

  it.each([
    [502, '<html>bad gateway</html>'],
    [500, '{"code":"NO_CODE_OF_OURS"}'],
    [200, '<html>some other service</html>'],
  ])('takes HTTP %d %s for a forecaster that is away', async (status, body) => {
    const client = new HttpForecastClient(await answering(status, body));

    await expect(client.forecast(command)).rejects.toMatchObject({ code: 'FORECASTER_UNAVAILABLE' });
  });
});

it('a forecaster is ready with its models, keeps schedules and stops quickly', async () => {
  await truncate(database().dataSource, 'forecasts', 'jobs', 'observations', 'series');
  await storeSeries(database().dataSource, { itemId: 'a', points: [[START, 1]] });
  const app = await startForecaster(database().url, {
    catalogue: catalogueOf(new RecordingForecaster()),
    scheduler: true,
  });
  await database().dataSource.query(
    `INSERT INTO jobs (job_id, name, cron, selector, horizon, model, next_run_at)
     VALUES (gen_random_uuid(), 'each second', '* * * * * *', '{}', 3, 'auto', now())`,
  );

  const ready = await fetch(`${await app.getUrl()}/health/ready`);
  expect([ready.status, await ready.json()]).toMatchObject([200, { checks: { models: { ok: true } } }]);
  const ended = async () =>
    (await database().dataSource.query<unknown[]>(`SELECT 1 FROM job_runs WHERE status = 'succeeded'`)).length;
  while ((await ended()) < 2) await new Promise((resolve) => setTimeout(resolve, 50));

  const begin = performance.now();
  await app.close();
  expect(performance.now() - begin).toBeLessThan(2_000);
}, 15_000);
