import { loadEnv } from '@app/config';
import { PlatformError, silentLogger } from '@app/observability';
import { storeInOutbox } from '@app/persistence';
import { PostgresLog, type ObservationLog } from '@app/streaming';

import { truncate, useDatabase } from '../../../test/support/database.js';
import { eventually } from '../../../test/support/processes.js';
import { OutboxRelay } from './outbox.relay.js';

const database = useDatabase();
const relays: OutboxRelay[] = [];

beforeEach(() => truncate(database().dataSource, 'outbox', 'log_records', 'log_partitions'));
afterEach(async () => {
  await Promise.all(relays.splice(0).map((relay) => relay.stop()));
});

function start(log: ObservationLog): OutboxRelay {
  const relay = new OutboxRelay(database().dataSource, log, silentLogger());
  relays.push(relay);
  relay.start();
  return relay;
}

/** A log that notes what it gets, and is away for the first `failures` calls, having stored the records all the same. */
function brokerLike(failures = 0) {
  const got: { topic: string; id: string; value: string }[] = [];
  const log = {
    kind: 'kafka',
    ensureTopics: () => Promise.resolve(),
    append: (topic: string, records: { value: Buffer; headers: Record<string, string> }[]) => {
      for (const { value, headers } of records) got.push({ topic, id: headers['id']!, value: value.toString() });
      if (failures-- > 0) throw new PlatformError('LOG_UNAVAILABLE', 'the answer was lost');
      return Promise.resolve();
    },
  };
  return { got, log: log as unknown as ObservationLog };
}

async function put(topic: string, from: number, count: number): Promise<void> {
  const records = Array.from({ length: count }, (_, i) => ({
    topic,
    key: 'k',
    value: Buffer.from(String(from + i)),
    headers: { 'error-code': 'TS_INVALID' },
  }));
  await database().dataSource.transaction((manager) => storeInOutbox(manager, records));
}

async function waiting(): Promise<number> {
  const rows: { count: number }[] = await database().dataSource.query(`SELECT count(*)::int AS count FROM outbox`);
  return rows[0]!.count;
}

const numbers = (count: number) => Array.from({ length: count }, (_, i) => String(i));

describe('OutboxRelay', () => {
  it('moves records in order, with an id each, and wakes up for new ones', async () => {
    const { got, log } = brokerLike();
    start(log);
    await put('t', 0, 1_200);
    await eventually(async () => (await waiting()) === 0);
    await put('t', 1_200, 1);
    await eventually(() => got.length === 1_201);
    expect(got.map(({ value }) => value)).toEqual(numbers(1_201));
    expect(new Set(got.map(({ id }) => id)).size).toBe(1_201);
  });

  it('repeats a round with the same ids when the confirmation was lost', async () => {
    const { got, log } = brokerLike(2);
    await put('t', 0, 3);
    start(log);
    await eventually(async () => (await waiting()) === 0);
    expect(got.map(({ value }) => value)).toEqual(['0', '1', '2', '0', '1', '2', '0', '1', '2']);
    expect(new Set(got.map(({ id, value }) => `${id} ${value}`)).size).toBe(3);
  });

  it('lets one relay work at a time, and another take over', async () => {
    const { got, log } = brokerLike();
    const first = start(log);
    start(log);
    await put('t', 0, 700);
    await eventually(async () => (await waiting()) === 0);
    await first.stop();
    await put('t', 700, 700);
    await eventually(async () => (await waiting()) === 0);
    expect(got.map(({ value }) => value)).toEqual(numbers(1_400));
  });

  it('moves into the PostgreSQL log in one transaction: nothing is lost or repeated', async () => {
    const log = new PostgresLog(loadEnv({ TOPIC_PARTITIONS: '1' }), database().dataSource, silentLogger());
    await put('t', 0, 1_100);
    start(log);
    await eventually(async () => (await waiting()) === 0);
    const rows: { value: Buffer }[] = await database().dataSource.query(
      `SELECT value FROM log_records WHERE topic = 't' ORDER BY "offset"`,
    );
    expect(rows.map(({ value }) => value.toString())).toEqual(numbers(1_100));
    await log.close();
  });

  it('goes on after its session was ended from outside', async () => {
    const { got, log } = brokerLike();
    start(log);
    await put('t', 0, 1);
    await eventually(() => got.length === 1);
    await database().dataSource.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '%outbox' AND datname = current_database()`,
    );
    await put('t', 1, 1);
    await eventually(() => got.length === 2);
    expect(got.map(({ value }) => value)).toEqual(['0', '1']);
  });
});
