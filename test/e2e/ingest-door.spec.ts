import { gzipSync } from 'node:zlib';
import { EnvModule, loadEnv } from '@app/config';
import { silentLogger } from '@app/observability';
import { createServer } from '@app/server';
import { OBSERVATION_LOG, type ObservationLog } from '@app/streaming';
import { Module, type DynamicModule } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { dataSourceOptions } from '@app/persistence';

import { ObservationDoorModule } from '../../apps/ingest/src/observation-door.module.js';
import { otlpMetrics } from '../../libs/streaming/src/codecs/samples/producers.js';
import { useDatabase } from '../support/database.js';
import { describeWithKafka, kafkaBrokers, readTopic, uniqueName } from '../support/kafka.js';
import { TestSchemaRegistry } from '../support/schema-registry.js';

const database = useDatabase();
const PATH = '/api/v1/observations';
const good = { item_id: 'pump-7', ts: '2026-01-01T00:00:00Z', values: { flow: 1.2, temp: 40 } };
const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

const apps: NestFastifyApplication[] = [];
afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()));
});

@Module({})
class DoorModule {}

async function door(settings: Record<string, string> = {}): Promise<{ app: NestFastifyApplication; topic: string }> {
  const topic = uniqueName('door');
  const env = loadEnv({ OBSERVATIONS_TOPIC: topic, API_KEYS: 'never', ...settings });
  const options = dataSourceOptions(database().url, 2, 'door');
  const module: DynamicModule = {
    module: DoorModule,
    imports: [
      EnvModule.register(env),
      TypeOrmModule.forRootAsync({
        useFactory: () => options,
        dataSourceFactory: () => new DataSource(options).initialize(),
      }),
      ObservationDoorModule,
    ],
  };
  const app = await createServer(module, { env, logger: silentLogger() });
  apps.push(app);
  await app.init();
  await app.getHttpAdapter().getInstance().ready();
  return { app, topic };
}

async function post(app: NestFastifyApplication, payload: unknown, contentType = 'application/json', headers = {}) {
  const response = await app.inject({
    method: 'POST',
    url: PATH,
    headers: { ...(contentType !== '' && { 'content-type': contentType }), ...headers },
    payload: typeof payload === 'string' || Buffer.isBuffer(payload) ? payload : JSON.stringify(payload),
  });
  return { status: response.statusCode, headers: response.headers, body: response.json<Record<string, unknown>>() };
}

interface Stored {
  readonly key: string;
  readonly record: unknown;
  readonly headers: Record<string, string>;
}

async function storedIn(topic: string): Promise<Stored[]> {
  const rows: { key: string; value: Buffer; headers: Record<string, string> }[] = await database().dataSource.query(
    `SELECT key, value, headers FROM log_records WHERE topic = $1 ORDER BY partition, "offset"`,
    [topic],
  );
  return rows.map(({ key, value, headers }) => ({ key, record: JSON.parse(value.toString()) as unknown, headers }));
}

describe('POST /observations', () => {
  it('has one record in the log, keyed by its item, when it answers 202', async () => {
    const { app, topic } = await door();
    const answer = await post(app, good, 'application/json', { traceparent: TRACE });

    expect(answer).toMatchObject({ status: 202, body: { accepted: 1, rejected: 0, errors: [] } });
    expect(await storedIn(topic)).toEqual([
      {
        key: 'pump-7',
        record: { ...good, ts: '2026-01-01T00:00:00.000Z' },
        headers: { traceparent: expect.stringMatching(/^00-0af7651916cd43dd8448eb211c80319c-/) },
      },
    ]);
  });

  it('takes arrays and long records, and counts records, not points', async () => {
    const { app, topic } = await door();
    const answer = await post(app, [
      good,
      { unique_id: 'a', ds: 1.8e9 - 1e8, y: '3' },
      { ...good, values: { x: null } },
    ]);

    expect(answer).toMatchObject({ status: 202, body: { accepted: 3, rejected: 0, errors: [] } });
    expect((await storedIn(topic)).map(({ key }) => key).toSorted((a, b) => a.localeCompare(b))).toEqual([
      'a',
      'pump-7',
    ]);
  });

  it('takes NDJSON, blank lines and a byte order mark included', async () => {
    const { app } = await door();
    const body = `\ufeff${JSON.stringify(good)}\r\n\r\n${JSON.stringify(good)}\n{broken\n`;

    expect(await post(app, body, 'application/x-ndjson; charset=utf-8')).toMatchObject({
      status: 202,
      body: { accepted: 2, rejected: 1, errors: [{ index: 2, code: 'MALFORMED_JSON' }] },
    });
  });

  it('takes line protocol, a record a line, compressed or not', async () => {
    const { app, topic } = await door();
    const body =
      '# made by hand\ncpu,host=a idle=1,busy=2 1772366400000000000\ncpu idle\n\nmem,host=b free=3i 1772366400\n';
    const receipt = {
      status: 202,
      body: { accepted: 2, rejected: 1, errors: [{ index: 1, code: 'MALFORMED_LINE' }] },
    };
    expect(await post(app, body, 'text/plain; charset=utf-8')).toMatchObject(receipt);
    expect(await post(app, gzipSync(body), 'text/plain', { 'content-encoding': 'gzip' })).toMatchObject(receipt);
    const ts = '2026-03-01T12:00:00.000Z';
    expect((await storedIn(topic)).map(({ record }) => record)).toContainEqual({
      item_id: 'cpu,host=a',
      ts,
      values: { idle: 1, busy: 2 },
      labels: { host: 'a' },
    });
  });

  it("takes OTLP metrics in both encodings, a component's unit with it", async () => {
    const { app, topic } = await door();
    const { json, protobuf } = await otlpMetrics();
    const receipt = { status: 202, body: { accepted: 1, rejected: 0, errors: [] } };
    expect(await post(app, json)).toMatchObject(receipt);
    const fromJson = await storedIn(topic);
    expect(await post(app, protobuf, 'application/x-protobuf')).toMatchObject(receipt);
    expect(await storedIn(topic)).toHaveLength(2 * fromJson.length);
    const duration = fromJson.filter(({ key }) => key.startsWith('http.server.duration'));
    expect(duration.map(({ record }) => record)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ values: { count: 5 } }),
        expect.objectContaining({
          unit: 'ms',
          values: { sum: 645, min: 5, max: 500, p50: 55, p90: 550, p99: expect.closeTo(955, 9) },
        }),
      ]),
    );
    expect(duration.find(({ record }) => 'count' in (record as { values: object }).values)?.record).not.toHaveProperty(
      'unit',
    );
  });

  it("takes records in Confluent's wire format; while the registry is away it says so", async () => {
    const registry = await TestSchemaRegistry.start();
    const { app, topic } = await door({ SCHEMA_REGISTRY_URL: registry.url });
    const record = Buffer.concat([
      Buffer.from([0, 0, 0, 0, registry.register('x', { schema: '{}', schemaType: 'JSON' })]),
      Buffer.from(JSON.stringify(good)),
    ]);
    registry.answer = (response) => response.writeHead(503).end();
    const away = await post(app, record, 'application/octet-stream');
    expect(away).toMatchObject({ status: 503, body: { code: 'SCHEMA_REGISTRY_UNAVAILABLE' } });
    registry.answer = undefined;
    expect((await post(app, record, 'application/octet-stream')).status).toBe(202);
    expect(await storedIn(topic)).toMatchObject([{ key: 'pump-7', record: { values: good.values } }]);
    await registry.stop();
  });

  it('accepts a record with its good points and names the bad ones', async () => {
    const { app, topic } = await door();
    const answer = await post(app, [
      { ...good, values: { flow: 1, temp: 'hot' } },
      { ...good, ts: 'x' },
    ]);

    expect(answer).toMatchObject({
      status: 202,
      body: {
        accepted: 1,
        rejected: 1,
        errors: [
          { index: 0, code: 'VALUE_NOT_FINITE', message: expect.stringContaining('values.temp "hot"') },
          { index: 1, code: 'TS_INVALID' },
        ],
      },
    });
    expect(await storedIn(topic)).toEqual([
      expect.objectContaining({ record: expect.objectContaining({ values: { flow: 1 } }) }),
    ]);
  });

  it('passes declarations on', async () => {
    const { app, topic } = await door();
    await post(app, { ...good, freq: 'PT60M', labels: { site: 'north' }, time_zone: 'Europe/Berlin' });
    expect((await storedIn(topic))[0]?.record).toMatchObject({
      freq: 'PT1H',
      labels: { site: 'north' },
      time_zone: 'Europe/Berlin',
    });
  });

  it('keeps records of many wide channels below the limit of the log', async () => {
    const { app, topic } = await door();
    const values = Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`${i}-`.padEnd(256, '泵'), i]));
    expect(await post(app, { ...good, values })).toMatchObject({ status: 202, body: { accepted: 1 } });
    const records = await storedIn(topic);
    expect(records).toHaveLength(5);
    for (const { record } of records) expect(Buffer.byteLength(JSON.stringify(record))).toBeLessThan(1_000_000);
  });

  it.each<[string, unknown, string, number, string]>([
    ['nothing acceptable', [{ ...good, item_id: '' }, 7], 'application/json', 400, 'ITEM_ID_INVALID'],
    ['a future time', { ...good, ts: '2999-01-01' }, 'application/json', 400, 'TS_IN_FUTURE'],
    ['no known format', { a: 1 }, 'application/json', 400, 'UNKNOWN_FORMAT'],
    [
      'too many points in one record',
      [Array.from({ length: 50_001 }, () => good)],
      'application/json',
      400,
      'INVALID_REQUEST',
    ],
    ['broken JSON', '{"item_id":', 'application/json', 400, 'MALFORMED_JSON'],
    ['an empty array', [], 'application/json', 400, 'EMPTY_RECORD'],
    ['an empty NDJSON body', '\n \n', 'application/x-ndjson', 400, 'EMPTY_RECORD'],
    ['an empty JSON body', '', 'application/json', 400, 'MALFORMED_JSON'],
    ['prototype keys', '{"__proto__":{"item_id":"x"}}', 'application/json', 400, 'MALFORMED_JSON'],
    ['an empty body of lines', '# nothing\n\n', 'text/plain', 400, 'EMPTY_RECORD'],
    ['a line that is none', 'pump flow', 'text/plain', 400, 'MALFORMED_LINE'],
    ['an empty body of bytes', '', 'application/octet-stream', 400, 'EMPTY_RECORD'],
    ['protobuf that is none', 'abc', 'application/x-protobuf', 400, 'MALFORMED_OTLP'],
    [
      'bytes of a schema without a registry',
      '\u0000\u0000\u0000\u0000\u0001',
      'application/octet-stream',
      400,
      'SCHEMA_UNKNOWN',
    ],
    ['an unknown type', '<a/>', 'application/xml', 415, 'UNSUPPORTED_MEDIA_TYPE'],
  ])('refuses %s', async (_what, payload, contentType, status, code) => {
    const { app } = await door();
    const answer = await post(app, payload, contentType);
    expect(answer).toMatchObject({ status, body: { status, code } });
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
  });

  it('lists the errors in the problem as in a receipt', async () => {
    const { app } = await door();
    expect((await post(app, [{ ...good, item_id: '' }, 7])).body).toMatchObject({
      accepted: 0,
      rejected: 2,
      errors: [
        { index: 0, code: 'ITEM_ID_INVALID', message: expect.any(String) },
        { index: 1, code: 'UNKNOWN_FORMAT', message: expect.any(String) },
      ],
    });
  });

  it('answers 503 with Retry-After when the log is down', async () => {
    const { app } = await door({ KAFKA_BROKERS: '127.0.0.1:1' });
    const answer = await post(app, good);
    expect(answer).toMatchObject({ status: 503, body: { code: 'LOG_UNAVAILABLE' } });
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
  });
});

describeWithKafka('POST /observations', () => {
  it('has the records in the topic when it answers, also when many post at once', async () => {
    const { app, topic } = await door({ KAFKA_BROKERS: kafkaBrokers.join(',') });
    await app.get<ObservationLog>(OBSERVATION_LOG).ensureTopics([topic]);
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        post(app, [
          { ...good, item_id: `a-${i}` },
          { ...good, item_id: `b-${i}` },
        ]),
      ),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    expect(await readTopic(topic)).toHaveLength(100);
  });
});
