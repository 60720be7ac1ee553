import { loadEnv, type Env } from '@app/config';
import { silentLogger } from '@app/observability';
import { createObservationLog, type ObservationLog } from '@app/streaming';

import { IngestService } from '../../apps/ingest/src/ingest.service.js';
import { truncate, useDatabase } from '../support/database.js';
import { describeWithKafka, kafkaBrokers, readTopic, uniqueName } from '../support/kafka.js';
import { eventually } from '../support/processes.js';

const database = useDatabase();
const MINUTE = 60_000;
const START = Date.UTC(2026, 2, 1);
const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const NEWER_TRACE = '00-1bf7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

describe('ingest on the PostgreSQL log', () => {
  ingests({}, async (topic) => {
    const rows: { key: string | null; value: Buffer | null; headers: Record<string, string> }[] =
      await database().dataSource.query(`SELECT key, value, headers FROM log_records WHERE topic = $1`, [topic]);
    return rows.map(({ key, value, headers }) => ({ key, value: value && value.toString(), headers }));
  });
});

describeWithKafka('ingest', () => {
  ingests({ KAFKA_BROKERS: kafkaBrokers.join(',') }, (topic) => readTopic(topic));
});

interface TopicRecord {
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: Readonly<Record<string, string>>;
}

function ingests(settings: Record<string, string>, read: (topic: string) => Promise<TopicRecord[]>): void {
  let env: Env;
  let log: ObservationLog;
  let service: IngestService;

  beforeAll(async () => {
    await truncate(database().dataSource, 'observations', 'series', 'observation_revisions', 'dead_letters', 'outbox');
    const topic = uniqueName('ingest');
    env = loadEnv({
      ...settings,
      OBSERVATIONS_TOPIC: topic,
      DEAD_LETTER_TOPIC: `${topic}.dead-letter`,
      INGEST_GROUP: topic,
      INGEST_BATCH_ROWS: '1000',
    });
    log = createObservationLog(env, database().dataSource, silentLogger());
    service = new IngestService(env, log, silentLogger(), database().dataSource);
    await log.ensureTopics([env.OBSERVATIONS_TOPIC]);
    service.onApplicationBootstrap();
  }, 60_000);

  afterAll(async () => {
    await service.onModuleDestroy();
    await log.close();
  });

  /** Appends values, all keyed alike so that they keep their order, and waits until they are consumed. */
  async function send(...values: (string | Buffer | object | null)[]): Promise<void> {
    await sendWith(undefined, ...values);
  }

  async function sendWith(
    headers: Record<string, string> | undefined,
    ...values: (string | Buffer | object | null)[]
  ): Promise<void> {
    await log.append(
      env.OBSERVATIONS_TOPIC,
      values.map((value) => ({ key: 'key', value: bytesOf(value), ...(headers && { headers }) })),
    );
    await eventually(async () =>
      (await log.lag(env.INGEST_GROUP, env.OBSERVATIONS_TOPIC)).every(({ lag }) => lag === 0),
    );
  }

  const point = (itemId: string, minute: number, flow: unknown, more: object = {}) => ({
    item_id: itemId,
    ts: START + minute * MINUTE,
    values: { flow },
    ...more,
  });

  async function stored(itemId: string): Promise<[minute: number, value: number, flags: number][]> {
    const rows: { minute: number; value: number; flags: number }[] = await database().dataSource.query(
      `SELECT (extract(epoch FROM ts - $2) / 60)::float8 AS minute, value, flags
         FROM observations JOIN series USING (series_id) WHERE item_id = $1 ORDER BY ts`,
      [itemId, new Date(START)],
    );
    return rows.map(({ minute, value, flags }) => [minute, value, flags]);
  }

  async function revisions(itemId: string): Promise<{ value: number; valid: boolean }[]> {
    return database().dataSource.query(
      `SELECT r.value, r.known_at < r.replaced_at AS valid
         FROM observation_revisions r JOIN series USING (series_id) WHERE item_id = $1 ORDER BY revision_id`,
      [itemId],
    );
  }

  async function deadLetters(): Promise<{ code: string; message: string; errors: object[]; value: Buffer | null }[]> {
    return database().dataSource.query(
      `SELECT code, message, errors, value FROM dead_letters WHERE topic = $1 ORDER BY "offset"`,
      [env.OBSERVATIONS_TOPIC],
    );
  }

  async function series(itemId: string): Promise<Record<string, unknown>> {
    const rows: Record<string, unknown>[] = await database().dataSource.query(
      `SELECT * FROM series WHERE item_id = $1`,
      [itemId],
    );
    return rows[0] ?? {};
  }

  it('writes the points of native and long records, single and in arrays', async () => {
    await send(
      point('formats', 0, 1),
      [point('formats', 1, 2), point('formats', 2, null), { unique_id: 'formats', ds: START, y: 7 }],
      point('formats', 3, '4.5'),
    );
    expect((await stored('formats')).toSorted(([a], [b]) => a - b)).toEqual(
      expect.arrayContaining([
        [0, 1, 0],
        [0, 7, 0],
        [1, 2, 0],
        [3, 4.5, 0],
      ]),
    );
  });

  it('keeps one point of a repeated one, and changes nothing when the value is the same', async () => {
    await send(point('same', 0, 1), point('same', 0, 1));
    await send(point('same', 0, 1));
    expect(await stored('same')).toEqual([[0, 1, 0]]);
    expect(await revisions('same')).toEqual([]);
  });

  it('replaces a corrected value and keeps the old one with the time that it was valid', async () => {
    await send(point('revised', 0, 1), point('revised', 1, 2));
    await send(point('revised', 1, 2.5));
    expect(await stored('revised')).toEqual([
      [0, 1, 0],
      [1, 2.5, 4],
    ]);
    expect(await revisions('revised')).toEqual([{ value: 2, valid: true }]);
  });

  it('lets the last of several values in one batch win and counts the earlier ones as revised', async () => {
    await send(point('race', 0, 1), point('race', 0, 2), point('race', 0, 3));
    expect(await stored('race')).toEqual([[0, 3, 4]]);
    expect(await revisions('race')).toEqual([
      { value: 1, valid: false },
      { value: 2, valid: false },
    ]);
  });

  it('flags a point as late when an earlier record had brought a newer one, in the same batch or not', async () => {
    await send(point('late', 5, 1), point('late', 3, 2), point('late', 6, 3));
    await send(point('late', 4, 4));
    // An array in descending order comes at one moment: none of it is late for itself.
    await send([point('late', 9, 5), point('late', 8, 6), point('late', 2, 7)]);
    expect(await stored('late')).toEqual([
      [2, 7, 2],
      [3, 2, 2],
      [4, 4, 2],
      [5, 1, 0],
      [6, 3, 0],
      [8, 6, 0],
      [9, 5, 0],
    ]);
  });

  it('keeps the bad record whole with every error, stores the good points beside, and tells the topic', async () => {
    const record = [
      point('partly', 0, 1),
      point('partly', 1, 'hot'),
      { item_id: 'partly', ts: '2999-01-01', value: 1 },
    ];
    await sendWith({ traceparent: TRACE, note: 'nul \u0000 byte' }, record);

    expect(await stored('partly')).toEqual([[0, 1, 0]]);
    const letter = (await deadLetters()).at(-1);
    expect(letter).toMatchObject({
      code: 'VALUE_NOT_FINITE',
      errors: [
        { code: 'VALUE_NOT_FINITE', element: 1, channel: 'flow' },
        { code: 'TS_IN_FUTURE', element: 2 },
      ],
    });
    expect(JSON.parse(String(letter?.value))).toEqual(record);
    await eventually(async () => (await outboxSize()) === 0);
    const told = (await read(env.DEAD_LETTER_TOPIC)).filter(({ value }) => value === JSON.stringify(record));
    expect(told).toEqual([
      expect.objectContaining({
        key: 'key',
        headers: {
          id: expect.stringMatching(/^\d+$/),
          'error-code': 'VALUE_NOT_FINITE',
          'error-message': expect.stringMatching(
            /^element 1: values\.flow "hot" is no finite number.* \(and 1 more\)$/,
          ),
          topic: env.OBSERVATIONS_TOPIC,
          partition: expect.stringMatching(/^\d$/),
          offset: expect.stringMatching(/^\d+$/),
          traceparent: TRACE,
        },
      }),
    ]);
  });

  it('takes every kind of bad and hostile record as one dead letter, and goes on', async () => {
    const before = (await deadLetters()).length;
    const hostile: [string | Buffer | object | null, string][] = [
      [null, 'EMPTY_RECORD'],
      [Buffer.alloc(0), 'EMPTY_RECORD'],
      ['{"item_id": "x"', 'MALFORMED_JSON'],
      ['{"item_id":"x","ts":1,"values":{"flow":NaN}}', 'MALFORMED_JSON'],
      ['\u0000\u0001', 'MALFORMED_JSON'],
      [Buffer.from([0xff, 0xfe, 0x00]), 'MALFORMED_JSON'],
      ['{"item_id":"x","ts":1,"values":{"flow":1e400}}', 'VALUE_NOT_FINITE'],
      [point('x', 0, Number.NaN.toString()), 'VALUE_NOT_FINITE'],
      [point('a\u0000b', 0, 1), 'ITEM_ID_INVALID'],
      [point('half \ud83d', 0, 1), 'ITEM_ID_INVALID'],
      [point('', 0, 1), 'ITEM_ID_INVALID'],
      [{ item_id: 'x', ts: START, values: { 'a\u0000\ud83d': 1 } }, 'CHANNEL_INVALID'],
      [{ item_id: 'x', ts: '2999-01-01', value: 1 }, 'TS_IN_FUTURE'],
      [{ item_id: 'x', ts: 'a\ud83d\u0000', value: 1 }, 'TS_INVALID'],
      [{ nothing: '\u0000\ud83d' }, 'UNKNOWN_FORMAT'],
      [`{"__proto__":{"item_id":"x","ts":1,"value":1}}`, 'UNKNOWN_FORMAT'],
      ['['.repeat(50_000) + ']'.repeat(50_000), 'UNKNOWN_FORMAT'],
      [`{"item_id":"x","pad":"${'x'.repeat(1_000_000)}"}`, 'RECORD_TOO_LARGE'],
      [Array.from({ length: 10_001 }, (_, i) => ({ unique_id: 'x', ds: i, y: i })), 'RECORD_TOO_LARGE'],
    ];
    for (const [value] of hostile) await log.append(env.OBSERVATIONS_TOPIC, [{ key: 'key', value: bytesOf(value) }]);
    await send(point('after-hostile', 0, 1));

    expect((await deadLetters()).slice(before).map(({ code }) => code)).toEqual(hostile.map(([, code]) => code));
    expect(await stored('after-hostile')).toEqual([[0, 1, 0]]);
    expect(await stored('x')).toEqual([]);
    await eventually(async () => (await outboxSize()) === 0);
    expect((await read(env.DEAD_LETTER_TOPIC)).find(({ headers }) => headers['value-bytes'])?.headers).toMatchObject({
      'error-code': 'RECORD_TOO_LARGE',
      'value-bytes': '1000024',
    });
  });

  it('keeps the trace of the record that brought the newest point', async () => {
    await sendWith({ traceparent: TRACE }, point('traced', 5, 1));
    expect(await series('traced')).toMatchObject({ traceparent: TRACE });
    await sendWith({ traceparent: NEWER_TRACE }, point('traced', 3, 1));
    await sendWith({ traceparent: 'nonsense' }, point('traced', 6, 1));
    expect(await series('traced')).toMatchObject({ traceparent: TRACE });
    await sendWith({ traceparent: NEWER_TRACE }, point('traced', 7, 1));
    expect(await series('traced')).toMatchObject({ traceparent: NEWER_TRACE });
  });

  it('infers frequency and season', async () => {
    const hourly = Array.from({ length: 24 * 15 }, (_, i) =>
      point('seasonal', i * 60, Math.round(1e3 * Math.sin((2 * Math.PI * i) / 24))),
    );
    await send(...hourly);
    await eventually(async () => (await series('seasonal'))['season'] === 24);
    expect(await series('seasonal')).toMatchObject({
      freq: 'PT1H',
      season: 24,
      freq_declared: false,
      season_declared: false,
    });
  });

  it('lets what is declared win, whenever it comes', async () => {
    await send(...Array.from({ length: 40 }, (_, i) => point('declared', i * 60, i)));
    await eventually(async () => (await series('declared'))['freq'] === 'PT1H');
    await send(point('declared', 40 * 60, 1, { freq: 'PT30M', season: 48, unit: 'bar', labels: { site: 'north' } }));
    await send(point('declared', 41 * 60, 1, { labels: { line: '3' }, time_zone: 'Europe/Berlin' }));
    await send(...Array.from({ length: 100 }, (_, i) => point('declared', (42 + i) * 60, i)));
    expect(await series('declared')).toMatchObject({
      freq: 'PT30M',
      freq_declared: true,
      season: 48,
      season_declared: true,
      unit: 'bar',
      time_zone: 'Europe/Berlin',
      labels: { site: 'north', line: '3' },
    });
  });

  it('writes points of any time, making partitions as they are needed', async () => {
    const times = ['0001-01-01', '1969-12-31T23:59:59.999Z', '2000-01-01', '2011-07-31T23:59:59.999Z', '2011-08-01'];
    await send(...times.map((ts, i) => ({ item_id: 'ancient', ts, value: i })));
    expect((await stored('ancient')).map(([, value]) => value)).toEqual([0, 1, 2, 3, 4]);
  });

  it('writes the same series from several partitions at once without a deadlock', async () => {
    const records = Array.from({ length: 6_000 }, (_, i) => ({
      key: `key-${i % 64}`,
      value: bytesOf(point(`crossed-${(i * 7) % 13}`, (i * 31) % 50, (i * 31) % 50)),
    }));
    await log.append(env.OBSERVATIONS_TOPIC, records);
    await eventually(
      async () => (await log.lag(env.INGEST_GROUP, env.OBSERVATIONS_TOPIC)).every(({ lag }) => lag === 0),
      60_000,
    );
    for (let item = 0; item < 13; item++) {
      const rows = await stored(`crossed-${item}`);
      expect(rows.length).toBeGreaterThan(0);
      for (const [minute, value] of rows) expect(value).toBe(minute);
    }
  }, 90_000);

  async function outboxSize(): Promise<number> {
    const rows: { count: number }[] = await database().dataSource.query(`SELECT count(*)::int AS count FROM outbox`);
    return rows[0]?.count ?? -1;
  }
}

function bytesOf(value: string | Buffer | object | null): Buffer | null {
  if (value === null || Buffer.isBuffer(value)) return value;
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
}
