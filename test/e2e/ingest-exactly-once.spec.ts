import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { loadEnv, type Env } from '@app/config';
import { silentLogger } from '@app/observability';
import { createObservationLog, type ObservationLog, type OutgoingRecord } from '@app/streaming';

import { useDatabase } from '../support/database.js';
import { describeWithKafka, kafkaBrokers, readTopic, uniqueName } from '../support/kafka.js';
import { eventually } from '../support/processes.js';

const RECORDS = 100_000;
const KILLS = 10;
const CHILD = fileURLToPath(new URL('../support/role-child.mjs', import.meta.url));

interface DeadLetterSeen {
  readonly id: string;
  readonly partition: string;
  readonly offset: string;
  readonly code: string;
  readonly value: string | null;
}

describe('exactly-once effect on the PostgreSQL log', () => {
  const database = useDatabase();

  it('survives ten SIGKILLs and a second consumer that comes and goes', async () => {
    await survive(database().url, undefined, async (topic) => {
      const rows: { value: Buffer; headers: Record<string, string> }[] = await database().dataSource.query(
        `SELECT value, headers FROM log_records WHERE topic = $1`,
        [topic],
      );
      return rows.map(({ value, headers }) => seen(value.toString(), headers));
    });
  }, 120_000);
});

describeWithKafka('exactly-once effect', () => {
  const database = useDatabase();

  it('survives ten SIGKILLs and a second consumer that comes and goes', async () => {
    await survive(database().url, kafkaBrokers.join(','), async (topic) =>
      (await readTopic(topic)).map(({ value, headers }) => seen(value, headers)),
    );
  }, 240_000);
});

async function survive(
  databaseUrl: string,
  brokers: string | undefined,
  readDeadLetterTopic: (topic: string) => Promise<DeadLetterSeen[]>,
): Promise<void> {
  const random = seededRandom(20_261_124);
  const topic = uniqueName('exactly-once');
  const settings: Record<string, string> = {
    DATABASE_URL: databaseUrl,
    DATABASE_POOL: '4',
    OBSERVATIONS_TOPIC: topic,
    DEAD_LETTER_TOPIC: `${topic}.dead-letter`,
    INGEST_GROUP: topic,
    // Small transactions, so that a kill finds one under way.
    INGEST_BATCH_ROWS: '300',
    LOG_LEVEL: 'error',
    ...(brokers !== undefined && { KAFKA_BROKERS: brokers }),
  };
  const world = await openWorld(loadEnv(settings));
  const children: Child[] = [];
  const start = () => {
    const child = new Child(settings);
    children.push(child);
    return child;
  };
  try {
    const { records, points, bad } = makeRecords(random);
    let guest: Child | undefined;
    for (let kill = 0; kill < KILLS; kill++) {
      const from = Math.floor((records.length * kill) / (KILLS + 1));
      const to = Math.floor((records.length * (kill + 1)) / (KILLS + 1));
      await world.log.append(topic, records.slice(from, to));
      const victim = start();
      if (kill === 2 || kill === 6) guest = start();
      // Somewhere in the work of this round: seeded, and never after its end.
      await world.untilConsumed(Math.floor(from + (to - from) * (0.1 + 0.8 * random())));
      await victim.kill();
      if (kill === 4 || kill === 8) await guest?.leave();
    }
    await world.log.append(topic, records.slice(Math.floor((records.length * KILLS) / (KILLS + 1))));
    const last = start();
    await world.untilConsumed(records.length);
    await world.untilOutboxIsEmpty();
    await last.leave();

    expect(await world.points()).toEqual(points);
    const letters = await world.deadLetters();
    expect(new Set(letters.map(({ value }) => value))).toEqual(new Set(bad));
    expect(letters).toHaveLength(bad.length);
    const outside = await readDeadLetterTopic(`${topic}.dead-letter`);
    const once = [...new Map(outside.map((letter) => [letter.id, letter])).values()];
    expect(once.map(withoutId).toSorted(byPlace)).toEqual(letters.map(withoutId).toSorted(byPlace));
    for (const letter of outside) expect(letter).toEqual(once.find(({ id }) => id === letter.id));
    expect(await world.strays()).toEqual({ revisions: 0, flagged: 0, outbox: 0 });
  } finally {
    await Promise.all(children.map((child) => child.kill()));
    await world.close();
  }
}

/** What the test itself sees of the database and the log. */
async function openWorld(env: Env) {
  const { DataSource } = await import('typeorm');
  const { dataSourceOptions } = await import('@app/persistence');
  const dataSource = new DataSource(dataSourceOptions(env.DATABASE_URL ?? '', 4, 'exactly-once'));
  await dataSource.initialize();
  const log: ObservationLog = createObservationLog(env, dataSource, silentLogger());
  await log.ensureTopics([env.OBSERVATIONS_TOPIC, env.DEAD_LETTER_TOPIC]);

  const count = async (what: string): Promise<number> => {
    const rows: { count: number }[] = await dataSource.query(`SELECT count(*)::int AS count FROM ${what}`);
    return rows[0]?.count ?? 0;
  };
  return {
    log,
    untilConsumed: async (records: number) => {
      await eventually(async () => {
        const rows: { done: string | null }[] = await dataSource.query(
          `SELECT sum(next_offset) AS done FROM stream_offsets WHERE topic = $1`,
          [env.OBSERVATIONS_TOPIC],
        );
        return Number(rows[0]?.done ?? 0) >= records;
      }, 60_000);
    },
    untilOutboxIsEmpty: () => eventually(async () => (await count('outbox')) === 0, 30_000),
    points: async () => {
      const rows: { item_id: string; channel: string; ms: string; value: number }[] = await dataSource.query(
        `SELECT item_id, channel, (extract(epoch FROM ts) * 1000)::bigint AS ms, value
           FROM observations JOIN series USING (series_id)`,
      );
      return new Map(rows.map((row) => [`${row.item_id}|${row.channel}|${row.ms}`, row.value]));
    },
    deadLetters: async () => {
      const rows: { partition: number; offset: string; code: string; value: Buffer }[] = await dataSource.query(
        `SELECT partition, "offset", code, value FROM dead_letters WHERE topic = $1`,
        [env.OBSERVATIONS_TOPIC],
      );
      return rows.map(({ partition, offset, code, value }): DeadLetterSeen => ({
        id: '',
        partition: String(partition),
        offset,
        code,
        value: value.toString(),
      }));
    },
    strays: async () => ({
      revisions: await count('observation_revisions'),
      flagged: await count('observations WHERE flags <> 0'),
      outbox: await count('outbox'),
    }),
    close: async () => {
      await log.close();
      await dataSource.destroy();
    },
  };
}

/** An ingest process of its own. */
class Child {
  readonly #child: ChildProcess;

  constructor(settings: Readonly<Record<string, string>>) {
    const { NODE_OPTIONS: _, KAFKA_BROKERS: __, ...inherited } = process.env;
    this.#child = spawn(process.execPath, [CHILD, 'ingest'], { env: { ...inherited, ...settings }, stdio: 'inherit' });
  }

  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  leave(): Promise<void> {
    return this.#end('SIGTERM');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill(signal);
    await gone;
  }
}

/** Single records and arrays of many series; one in a hundred is bad, some of these only in part. */
function makeRecords(random: () => number) {
  const points = new Map<string, number>();
  const bad: string[] = [];
  const records: OutgoingRecord[] = [];
  const steps = new Map<string, number>();
  const point = (itemId: string) => {
    const step = (steps.get(itemId) ?? 0) + 1;
    steps.set(itemId, step);
    const ts = Date.UTC(2026, 2, 1) + step * 60_000;
    const value = Math.round(random() * 1e9) / 1e3;
    points.set(`${itemId}|flow|${ts}`, value);
    return { item_id: itemId, ts: new Date(ts).toISOString(), values: { flow: value } };
  };
  for (let i = 0; i < RECORDS; i++) {
    const itemId = `pump-${Math.floor(random() * 200)}`;
    const isBad = random() < 0.01;
    const isArray = random() < 0.1;
    const text = isBad ? badRecord(i, itemId, random, point) : JSON.stringify(goodRecord(itemId, isArray, point));
    if (isBad) bad.push(text);
    records.push({ key: itemId, value: Buffer.from(text) });
  }
  return { records, points, bad };
}

type MakePoint = (itemId: string) => object;

function goodRecord(itemId: string, isArray: boolean, point: MakePoint): object {
  return isArray ? [point(itemId), point(itemId), point(itemId)] : point(itemId);
}

function badRecord(i: number, itemId: string, random: () => number, point: MakePoint): string {
  const kinds: (() => string)[] = [
    () => `{"item_id": "${itemId}", broken ${i}`,
    () => JSON.stringify({ item_id: itemId, ts: 'yesterday', values: { flow: i } }),
    () => JSON.stringify({ unique_id: '', ds: '2026-03-01', y: i }),
    () => `{"item_id":"${itemId}","ts":"2026-03-01T00:00:00Z","values":{"flow":1e999,"n":"${i}x"}}`,
    // The good point beside the bad one is stored all the same.
    () => JSON.stringify([point(itemId), { item_id: itemId, ts: '2999-01-01', values: { flow: i } }]),
  ];
  return kinds[Math.floor(random() * kinds.length)]!();
}

function seen(value: string | null, headers: Readonly<Record<string, string>>): DeadLetterSeen {
  const { id = '', partition = '', offset = '' } = headers;
  return { id, partition, offset, code: headers['error-code'] ?? '', value };
}

function withoutId({ partition, offset, code, value }: DeadLetterSeen): Omit<DeadLetterSeen, 'id'> {
  return { partition, offset, code, value };
}

function byPlace(a: Omit<DeadLetterSeen, 'id'>, b: Omit<DeadLetterSeen, 'id'>): number {
  return Number(a.partition) - Number(b.partition) || Number(a.offset) - Number(b.offset);
}

/** Mulberry32: https://gist.github.com/tommyettinger/46a874533244883189143505d203312c */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d_2b_79_f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
