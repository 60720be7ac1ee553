import { messageOf, metrics, type Logger } from '@app/observability';
import { OUTBOX_CHANNEL, closeDedicated, connectionLost, openDedicated } from '@app/persistence';
import { atMost, backOff, errorFields, pause, type ObservationLog, type OutgoingRecord } from '@app/streaming';
import type { Client } from 'pg';
import type { DataSource, EntityManager } from 'typeorm';

const ROUND_RECORDS = 500;
const ROUND_BYTES = 8_388_608;
const POLL_INTERVAL_MS = 1_000;
const STOP_PATIENCE_MS = 1_500;
const LOCK = `SELECT pg_try_advisory_lock(hashtext('tidecast:outbox')) AS locked`;

interface OutboxRow {
  readonly id: string;
  readonly topic: string;
  readonly key: string | null;
  readonly value: Buffer | null;
  readonly headers: Record<string, string>;
}

/**
 * Moves the outbox to the log, in order, with an `id` header. One relay works at a time: it holds an advisory lock in a
 * session of its own, and when that session ends another process takes over. Into the PostgreSQL log a round is moved
 * in one transaction; with Kafka the rows go after the broker has confirmed, so a crash between the two repeats a round
 * with the same ids.
 */
export class OutboxRelay {
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #wakeUp = new AbortController();
  readonly #knownTopics = new Set<string>();

  constructor(
    private readonly dataSource: DataSource,
    private readonly log: ObservationLog,
    private readonly logger: Logger,
  ) {}

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await atMost(STOP_PATIENCE_MS, this.#running);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        await this.#session(signal, () => (attempt = 0));
      } catch (error) {
        if (signal.aborted) break;
        this.logger.warn({ ...errorFields(error), attempt }, `the outbox waits: ${messageOf(error)}`);
        await pause(backOff(attempt), signal);
      }
    }
  }

  /** Works for as long as its connection lasts. */
  async #session(signal: AbortSignal, progressed: () => void): Promise<void> {
    const session = await openDedicated(this.dataSource, 'outbox');
    const lost = connectionLost(session);
    session.on('notification', () => this.#wakeUp.abort());
    const ended = AbortSignal.any([signal, lost]);
    try {
      await session.query(`LISTEN ${OUTBOX_CHANNEL}`);
      await this.#untilLeader(session, ended);
      while (!ended.aborted) {
        const wakeUp = (this.#wakeUp = new AbortController());
        const moved = await this.#move();
        progressed();
        if (moved === 0) await pause(POLL_INTERVAL_MS, AbortSignal.any([ended, wakeUp.signal]));
      }
    } finally {
      metrics.outboxPending.set(0);
      await closeDedicated(session);
    }
    if (!signal.aborted) throw lost.reason;
  }

  async #untilLeader(session: Client, ended: AbortSignal): Promise<void> {
    while (!ended.aborted) {
      const { rows } = await session.query<{ locked: boolean }>(LOCK);
      if (rows[0]?.locked) return;
      await pause(POLL_INTERVAL_MS, ended);
    }
  }

  /** Moves one round; returns how many records. */
  async #move(): Promise<number> {
    const { appendIn } = this.log;
    if (!appendIn) return this.#send();
    return this.dataSource.transaction(async (manager) => {
      const rows = await this.#next(manager);
      for (const [topic, records] of byTopic(rows)) await appendIn(manager, topic, records);
      await remove(manager, rows);
      return rows.length;
    });
  }

  async #send(): Promise<number> {
    const rows = await this.#next(this.dataSource.manager);
    for (const [topic, records] of byTopic(rows)) {
      await this.#ensureTopic(topic);
      await this.log.append(topic, records);
    }
    await remove(this.dataSource.manager, rows);
    return rows.length;
  }

  async #ensureTopic(topic: string): Promise<void> {
    if (this.#knownTopics.has(topic)) return;
    await this.log.ensureTopics([topic]);
    this.#knownTopics.add(topic);
  }

  async #next(manager: EntityManager): Promise<OutboxRow[]> {
    const rows: (OutboxRow & { pending: string })[] = await manager.query(
      `SELECT id, topic, key, value, headers, pending
         FROM (SELECT *, sum(coalesce(length(value), 0)) OVER (ORDER BY id) - coalesce(length(value), 0) AS before
                 FROM (SELECT * FROM outbox ORDER BY id LIMIT $1) oldest) AS records
         CROSS JOIN (SELECT count(*) AS pending FROM (SELECT FROM outbox LIMIT 100000) waiting) AS size
        WHERE before < $2 ORDER BY id`,
      [ROUND_RECORDS, ROUND_BYTES],
    );
    metrics.outboxPending.set(Number(rows[0]?.pending ?? 0));
    return rows;
  }
}

/** Records by topic, each in the order of the outbox; `id` lets a reader drop the rare repeat. */
function byTopic(rows: readonly OutboxRow[]): Map<string, OutgoingRecord[]> {
  const topics = new Map<string, OutgoingRecord[]>();
  for (const { id, topic, key, value, headers } of rows) {
    const record = { key, value, headers: { ...headers, id } };
    const records = topics.get(topic);
    if (records) records.push(record);
    else topics.set(topic, [record]);
  }
  return topics;
}

async function remove(manager: EntityManager, rows: readonly OutboxRow[]): Promise<void> {
  if (rows.length === 0) return;
  await manager.query(`DELETE FROM outbox WHERE id = ANY ($1::bigint[])`, [rows.map(({ id }) => id)]);
}
