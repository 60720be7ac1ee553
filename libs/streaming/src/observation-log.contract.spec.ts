import { loadEnv } from '@app/config';
import { silentLogger } from '@app/observability';

import { useDatabase } from '../../../test/support/database.js';
import { describeWithKafka, kafkaBrokers, kafkaClient, uniqueName } from '../../../test/support/kafka.js';
import { KafkaLog, PostgresLog, StoredOffsets, commitOffset, type BatchHandler, type ObservationLog } from './index.js';

const database = useDatabase();

const logs: ObservationLog[] = [];
const make = {
  postgres: () => new PostgresLog(loadEnv({}), database().dataSource, silentLogger()),
  kafka: () => new KafkaLog(loadEnv({ KAFKA_BROKERS: kafkaBrokers.join(',') }), database().dataSource, silentLogger()),
};

beforeAll(async () => {
  await database().dataSource.query(
    `CREATE TABLE consumed (topic text, partition int, "offset" bigint, key text, value text, member text)`,
  );
});

afterEach(async () => {
  await Promise.all(logs.splice(0).map((log) => log.close()));
});

describe('PostgreSQL log', () => {
  contract(make.postgres, async (topic, partition, before) => {
    await database().dataSource.query(`DELETE FROM log_records WHERE topic = $1 AND partition = $2 AND "offset" < $3`, [
      topic,
      partition,
      before,
    ]);
  });
});
describeWithKafka('Kafka log', () => {
  contract(make.kafka, async (topic, partition, before) => {
    const admin = kafkaClient().admin();
    await admin.connect();
    try {
      // kafkajs deletes only in topics that it has met before.
      await admin.fetchTopicMetadata({ topics: [topic] });
      await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(before) }] });
    } finally {
      await admin.disconnect();
    }
  });
});

function contract(
  create: () => ObservationLog,
  expire: (topic: string, partition: number, before: number) => Promise<void>,
) {
  let topic: string;
  let group: string;

  beforeEach(() => {
    topic = uniqueName('contract');
    group = uniqueName('group');
  });

  function open(): ObservationLog {
    const log = create();
    logs.push(log);
    return log;
  }

  async function openWithTopic(): Promise<ObservationLog> {
    const log = open();
    await log.ensureTopics([topic]);
    return log;
  }

  /** Stores what it is given with the next offset, in one transaction, as a consumer does. */
  function storing(member = 'a', hooks: { before?: BatchHandler; inside?: BatchHandler } = {}): BatchHandler {
    return async (batch) => {
      await hooks.before?.(batch);
      await database().dataSource.transaction(async (manager) => {
        const { partition, records, expectedOffset } = batch;
        await commitOffset(manager, { group, topic, partition }, expectedOffset, records.at(-1)!.offset + 1);
        for (const { offset, key, value } of records) {
          await manager.query(`INSERT INTO consumed VALUES ($1, $2, $3, $4, $5, $6)`, [
            topic,
            partition,
            offset,
            key?.toString(),
            value?.toString(),
            member,
          ]);
        }
        await hooks.inside?.(batch);
      });
    };
  }

  interface Consumed {
    readonly partition: number;
    readonly offset: string;
    readonly key: string;
    readonly value: string;
    readonly member: string;
  }

  function consumed(): Promise<Consumed[]> {
    return database().dataSource.query(
      `SELECT partition, "offset", key, value, member FROM consumed WHERE topic = $1 ORDER BY partition, "offset"`,
      [topic],
    );
  }

  async function untilConsumed(count: number): Promise<Consumed[]> {
    await until(async () => (await consumed()).length >= count);
    return consumed();
  }

  it('keeps the order of every key', async () => {
    const log = await openWithTopic();
    for (let round = 0; round < 5; round++) await log.append(topic, numbered(round * 40, 40));
    log.consume({ group, topic }, storing());

    const rows = await untilConsumed(200);

    expect(rows).toHaveLength(200);
    for (const key of ['key-0', 'key-3', 'key-7']) {
      const values = rows.filter((row) => row.key === key).map((row) => Number(row.value));
      expect(values).toHaveLength(25);
      expect(values).toEqual(values.toSorted((a, b) => a - b));
      expect(new Set(rows.filter((row) => row.key === key).map((row) => row.partition)).size).toBe(1);
    }
  });

  it('has the records durably when append returns, for readers that come later', async () => {
    const writer = await openWithTopic();
    await writer.append(topic, numbered(0, 10));
    await writer.close();

    const reader = open();
    expect(sum([...(await reader.endOffsets(topic)).values()])).toBe(10);
    expect(sum((await reader.lag(group, topic)).map(({ lag }) => lag))).toBe(10);
    reader.consume({ group, topic }, storing());
    await untilConsumed(10);

    expect(sum((await reader.lag(group, topic)).map(({ lag }) => lag))).toBe(0);
  });

  it('delivers value, key and headers as they were appended', async () => {
    const log = await openWithTopic();
    const value = Buffer.from([7, 255, 128, 10]);
    await log.append(topic, [
      { key: 'pump-7', value, headers: { traceparent: 'x' } },
      { key: 'pump-7', value: null },
    ]);
    const seen: unknown[] = [];
    log.consume(
      { group, topic },
      storing('a', {
        before: async ({ records }) => {
          for (const record of records) seen.push([record.key, record.value, String(record.headers['traceparent'])]);
        },
      }),
    );
    await untilConsumed(2);

    expect(seen).toEqual([
      [Buffer.from('pump-7'), value, 'x'],
      [Buffer.from('pump-7'), null, 'undefined'],
    ]);
  });

  it('goes on behind the stored offset after a restart', async () => {
    const first = await openWithTopic();
    await first.append(topic, numbered(0, 50));
    first.consume({ group, topic }, storing());
    await untilConsumed(50);
    await first.close();

    const second = open();
    await second.append(topic, numbered(50, 50));
    second.consume({ group, topic }, storing('b'));
    const rows = await untilConsumed(100);

    expect(rows.map((row) => Number(row.value)).toSorted((a, b) => a - b)).toEqual(range(100));
    expect(rows.filter((row) => row.member === 'b')).toHaveLength(50);
  });

  it('shares the partitions between two members, and gives them back when one leaves', async () => {
    const log = await openWithTopic();
    const [a, b] = [log.consume({ group, topic }, storing('a')), open().consume({ group, topic }, storing('b'))];
    await until(() => a.assigned().length === 2 && b.assigned().length === 2, 30_000);
    expect([...a.assigned(), ...b.assigned()].toSorted((x, y) => x - y)).toEqual([0, 1, 2, 3]);

    await log.append(topic, numbered(0, 80));
    const rows = await untilConsumed(80);
    expect(new Set(rows.map((row) => row.member))).toEqual(new Set(['a', 'b']));

    await b.stop();
    await until(() => a.assigned().length === 4, 30_000);
    await log.append(topic, numbered(80, 80));

    expect((await untilConsumed(160)).map((row) => Number(row.value)).toSorted((x, y) => x - y)).toEqual(range(160));
  }, 90_000);

  it('loses and repeats nothing while members come and go under load', async () => {
    const log = await openWithTopic();
    const steady = log.consume({ group, topic }, storing('steady'));
    await until(() => steady.assigned().length === 4, 30_000);
    let total = 0;
    const enough = new AbortController();
    const load = (async () => {
      for (; !enough.signal.aborted; total += 100) {
        await log.append(topic, numbered(total, 100));
        await sleep(50);
      }
    })();
    const guest = open().consume({ group, topic }, storing('guest'));
    await until(async () => (await consumed()).some((row) => row.member === 'guest'), 30_000);
    await guest.stop();
    await until(() => steady.assigned().length === 4, 30_000);
    enough.abort();
    await load;

    await untilConsumed(total);
    await sleep(300);

    expect((await consumed()).map((row) => Number(row.value)).toSorted((x, y) => x - y)).toEqual(range(total));
  }, 90_000);

  it('offers a batch again after the handler failed, until it succeeds, and loses nothing', async () => {
    const log = await openWithTopic();
    await log.append(topic, numbered(0, 40));
    let failures = 0;
    log.consume(
      { group, topic },
      storing('a', {
        inside: async ({ records }) => {
          if (records.some(({ value }) => value?.toString() === '17') && ++failures <= 3) throw new Error('poison');
        },
      }),
    );

    const rows = await untilConsumed(40);

    expect(failures).toBe(4);
    expect(rows.map((row) => Number(row.value)).toSorted((x, y) => x - y)).toEqual(range(40));
  });

  it('lets the other partitions go on while one fails', async () => {
    const log = await openWithTopic();
    await log.append(topic, numbered(0, 80));
    let healed = false;
    let poisoned: number | undefined;
    log.consume(
      { group, topic },
      storing('a', {
        before: async ({ partition, records }) => {
          if (records.some(({ value }) => value?.toString() === '0')) poisoned = partition;
          if (partition === poisoned && !healed) throw new Error('poison');
        },
      }),
    );
    await until(async () => new Set((await consumed()).map((row) => row.partition)).size >= 2);
    await log.append(topic, numbered(80, 80));
    await until(async () => (await consumed()).some((row) => Number(row.value) >= 80));
    expect((await consumed()).filter((row) => row.partition === poisoned)).toEqual([]);

    healed = true;
    expect((await untilConsumed(160)).length).toBe(160);
  });

  it('fences a member whose partition was taken over in the middle of its transaction', async () => {
    const log = await openWithTopic();
    await log.append(topic, [
      { key: 'k', value: Buffer.from('0') },
      { key: 'k', value: Buffer.from('1') },
    ]);
    const offsets = new StoredOffsets(database().dataSource);
    const attempts: number[][] = [];
    log.consume(
      { group, topic },
      storing('a', {
        before: async ({ partition, expectedOffset, records }) => {
          attempts.push(records.map(({ offset }) => offset));
          if (attempts.length > 1) return;
          // Another member commits the first record while this one still believes that it owns the partition.
          await database().dataSource.transaction((manager) =>
            commitOffset(manager, { group, topic, partition }, expectedOffset, expectedOffset + 1),
          );
        },
      }),
    );

    const rows = await untilConsumed(1);
    await sleep(300);

    expect(rows.map((row) => row.value)).toEqual(['1']);
    expect(attempts).toEqual([[0, 1], [1]]);
    expect([...(await offsets.loadAll(group, topic)).values()]).toContain(2);
  });

  it('goes on at the earliest record when retention has passed the stored offset', async () => {
    const log = await openWithTopic();
    await log.append(
      topic,
      range(10).map((i) => ({ key: 'k', value: Buffer.from(String(i)) })),
    );
    const partition = [...(await log.endOffsets(topic))].find(([, end]) => end === 10)![0];
    await new StoredOffsets(database().dataSource).initialise({ group, topic, partition }, 2);
    await expire(topic, partition, 7);

    log.consume({ group, topic }, storing());
    const rows = await untilConsumed(3);

    expect(rows.map((row) => row.value)).toEqual(['7', '8', '9']);
    expect(
      await database().dataSource.query(`SELECT "offset", code, message FROM dead_letters WHERE topic = $1`, [topic]),
    ).toEqual([{ offset: '2', code: 'OFFSET_LOST', message: expect.stringContaining('records 2 to 6') }]);
  });

  it('goes on at the earliest record when the topic was made anew, and keeps what happened', async () => {
    const log = await openWithTopic();
    await log.append(topic, [{ key: 'k', value: Buffer.from('0') }]);
    const partition = [...(await log.endOffsets(topic))].find(([, end]) => end === 1)![0];
    await new StoredOffsets(database().dataSource).initialise({ group, topic, partition }, 1_000);

    log.consume({ group, topic }, storing());
    await untilConsumed(1);

    const kept: unknown[] = await database().dataSource.query(
      `SELECT partition, "offset", code, message FROM dead_letters WHERE topic = $1`,
      [topic],
    );
    expect(kept).toEqual([
      { partition, offset: '1000', code: 'OFFSET_LOST', message: expect.stringContaining('before the stored offset') },
    ]);
  });

  it('stops within two seconds', async () => {
    const log = await openWithTopic();
    const consumption = log.consume({ group, topic }, storing());
    await until(() => consumption.assigned().length === 4, 30_000);

    const start = performance.now();
    await log.close();

    expect(performance.now() - start).toBeLessThan(2_000);
  });
}

function numbered(from: number, count: number) {
  return range(count).map((i) => ({ key: `key-${(from + i) % 8}`, value: Buffer.from(String(from + i)) }));
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

async function until(condition: () => boolean | Promise<boolean>, patienceMs = 20_000): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not so after ${patienceMs} ms`);
    await sleep(20);
  }
}
