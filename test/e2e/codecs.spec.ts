import { readFileSync } from 'node:fs';

import { loadEnv, type Env } from '@app/config';
import { silentLogger } from '@app/observability';
import { createObservationLog, type ObservationLog, type OutgoingRecord } from '@app/streaming';

import { IngestService } from '../../apps/ingest/src/ingest.service.js';
import { influxLines, otlpMetrics } from '../../libs/streaming/src/codecs/samples/producers.js';
import { truncate, useDatabase } from '../support/database.js';
import { describeWithKafka, kafkaBrokers, uniqueName } from '../support/kafka.js';
import { eventually } from '../support/processes.js';
import { TestSchemaRegistry } from '../support/schema-registry.js';

const database = useDatabase();
const SAMPLES = new URL('../../libs/streaming/src/codecs/samples/', import.meta.url);
const linesOf = (name: string) => readFileSync(new URL(name, SAMPLES), 'utf8').trimEnd().split('\n');

describe('formats on the PostgreSQL log', () => {
  ingests({});
});
describeWithKafka('formats', () => ingests({ KAFKA_BROKERS: kafkaBrokers.join(',') }));

function ingests(settings: Record<string, string>): void {
  let env: Env;
  let log: ObservationLog;
  let service: IngestService;
  let registry: TestSchemaRegistry;

  beforeAll(async () => {
    await truncate(database().dataSource, 'observations', 'series', 'observation_revisions', 'dead_letters', 'outbox');
    registry = await TestSchemaRegistry.start();
    const topic = uniqueName('codecs');
    env = loadEnv({
      ...settings,
      OBSERVATIONS_TOPIC: topic,
      DEAD_LETTER_TOPIC: `${topic}.dead-letter`,
      INGEST_GROUP: topic,
      // The samples of Debezium carry the time at which they were made.
      MAX_FUTURE: 'P5Y',
      SCHEMA_REGISTRY_URL: registry.url,
    });
    log = createObservationLog(env, database().dataSource, silentLogger());
    service = new IngestService(env, log, silentLogger(), database().dataSource);
    await log.ensureTopics([env.OBSERVATIONS_TOPIC]);
    service.onApplicationBootstrap();
  }, 60_000);

  afterAll(async () => {
    await service.onModuleDestroy();
    await log.close();
    await registry.stop();
  });

  const append = (...records: Pick<OutgoingRecord, 'value' | 'headers'>[]) =>
    log.append(
      env.OBSERVATIONS_TOPIC,
      records.map((record) => ({ key: 'key', ...record })),
    );

  const consumed = () =>
    eventually(async () => (await log.lag(env.INGEST_GROUP, env.OBSERVATIONS_TOPIC)).every(({ lag }) => lag === 0));

  async function points(itemId: string): Promise<Record<string, number>> {
    const rows: { channel: string; value: number }[] = await database().dataSource.query(
      `SELECT channel, value FROM observations JOIN series USING (series_id) WHERE item_id LIKE $1 ORDER BY ts`,
      [itemId],
    );
    return Object.fromEntries(rows.map(({ channel, value }) => [channel, value]));
  }

  async function deadLetters(): Promise<string[]> {
    const rows: { code: string }[] = await database().dataSource.query(
      `SELECT code FROM dead_letters WHERE topic = $1 ORDER BY "offset"`,
      [env.OBSERVATIONS_TOPIC],
    );
    return rows.map(({ code }) => code);
  }

  it('mix in one topic, each told by a look at the record', async () => {
    const { json, protobuf } = await otlpMetrics();
    await append({ value: Buffer.from(influxLines()) }, { value: json }, { value: protobuf });
    for (const line of linesOf('debezium/with-schema.ndjson')) {
      const { key, value } = JSON.parse(line) as { key: object; value: object | null };
      const bytes = value && Buffer.from(JSON.stringify(value));
      await log.append(env.OBSERVATIONS_TOPIC, [{ key: JSON.stringify(key), value: bytes }]);
    }
    const sample = { timestamp: '2026-03-01T12:00:00Z', value: '4.5', name: 'up', labels: { job: 'a' } };
    await append(
      { value: Buffer.from(JSON.stringify(sample)) },
      { value: Buffer.from('{"item_id":"native","ts":"2026-03-01","values":{"flow":1}}') },
      { value: Buffer.from('{odd} v=1 1772366400'), headers: { 'tidecast-format': 'line-protocol' } },
    );
    await consumed();

    expect(await deadLetters()).toEqual([]);
    expect(await points('pump,id=pump-7%')).toEqual({ flow: 1.5, starts: 12 });
    expect(await points('http.server.duration{%')).toMatchObject({ count: 5, sum: 645, p50: 55 });
    expect(await points('public.readings/pump-7')).toMatchObject({ flow: 2.75, price: -12.5 });
    expect(await points('up{job="a"}')).toEqual({ value: 4.5 });
    expect(await points('native')).toEqual({ flow: 1 });
    expect(await points('{odd}')).toEqual({ v: 1 });
    const rows: { labels: object; unit: string | null }[] = await database().dataSource.query(
      `SELECT labels, unit FROM series WHERE item_id LIKE 'http.server.duration{%' AND channel = 'sum'`,
    );
    expect(rows).toEqual([{ labels: expect.objectContaining({ 'os.type': 'linux' }), unit: 'ms' }]);
  });

  it('wait while the schema registry is away, and lose nothing', async () => {
    const [line] = linesOf('confluent/confluent-kafka.ndjson');
    const { value, schema } = JSON.parse(line!) as { value: string; schema: string };
    registry.register('observations-value', { schema });
    registry.answer = (response) => response.writeHead(503).end();
    await append(
      { value: Buffer.from('{"item_id":"before","ts":"2026-03-01","values":{"flow":1}}') },
      { value: Buffer.from(value, 'base64') },
      { value: Buffer.from('{"item_id":"after","ts":"2026-03-01","values":{"flow":2}}') },
    );
    await eventually(() => Promise.resolve(registry.requests.length >= 2));
    expect(await points('after')).toEqual({});
    expect(await deadLetters()).toEqual([]);

    registry.answer = undefined;
    await consumed();
    expect(await points('pump-7')).toEqual({ flow: 1.5, temp: 40 });
    expect(await points('before')).toEqual({ flow: 1 });
    expect(await points('after')).toEqual({ flow: 2 });
    expect(await deadLetters()).toEqual([]);
  });

  it('become dead letters with their codes, and cost nothing beside them', async () => {
    const { protobuf } = await otlpMetrics();
    const bad: [Buffer, string][] = [
      [Buffer.from('cpu,host=a idle=1 1772366400\ncpu,host=b idle= 1772366400'), 'MALFORMED_LINE'],
      [Buffer.from('cpu,host=c idle=NaN 1772366400'), 'VALUE_NOT_FINITE'],
      [Buffer.from([0, 0, 0, 0, 99, 1, 2, 3]), 'SCHEMA_UNKNOWN'],
      [Buffer.from([0, 0, 0, 0, 1, 1, 2, 3]), 'MALFORMED_AVRO'],
      [Buffer.from('{"resourceMetrics":7}'), 'MALFORMED_OTLP'],
      [Buffer.from('{"op":"c","after":{"flow":1},"source":{}}'), 'ITEM_ID_INVALID'],
    ];
    await append(...bad.map(([value]) => ({ value })), {
      value: protobuf.subarray(0, -5),
      headers: { 'tidecast-format': 'otlp' },
    });
    await append({ value: Buffer.from('{"item_id":"behind","ts":"2026-03-01","values":{"flow":3}}') });
    await consumed();
    expect(await deadLetters()).toEqual([...bad.map(([, code]) => code), 'MALFORMED_OTLP']);
    expect(await points('cpu,host=a')).toEqual({ idle: 1 });
    expect(await points('behind')).toEqual({ flow: 3 });
  });
}
