import { randomInt } from 'node:crypto';

import { messageOf, metrics, type Logger } from '@app/observability';
import { closeDedicated, connectionLost, openDedicated } from '@app/persistence';
import type { Client } from 'pg';
import type { DataSource } from 'typeorm';

import { atMost, backOff, pause } from './back-off.js';
import { errorFields } from './error-fields.js';
import type { BatchHandler, ConsumeOptions, Consumption } from './observation-log.js';
import { PostgresPartition } from './postgres-partition.js';
import type { StoredOffsets } from './stored-offsets.js';

/** NOTIFY channel of the log; the payload is the topic. */
export const LOG_CHANNEL = 'tidecast_log';

const BALANCE_INTERVAL_MS = 500;
const STOP_PATIENCE_MS = 1_500;

interface Dependencies {
  readonly dataSource: DataSource;
  readonly options: ConsumeOptions;
  readonly handler: BatchHandler;
  readonly offsets: StoredOffsets;
  readonly logger: Logger;
  readonly prepare: () => Promise<void>;
}

/**
 * A member of a consumer group on the PostgreSQL log. One session outside the pool holds an advisory lock for the
 * member and one for each partition that it owns; they end with the session, so a killed member leaves at once. Members
 * sort themselves by their number: partition p belongs to member p modulo the count.
 */
export class PostgresConsumption implements Consumption {
  readonly #deps: Dependencies;
  readonly #stopping = new AbortController();
  readonly #partitions = new Map<number, PostgresPartition>();
  readonly #running: Promise<void>;

  constructor(deps: Dependencies) {
    this.#deps = deps;
    this.#running = this.#run();
  }

  assigned(): number[] {
    return [...this.#partitions.keys()].toSorted((a, b) => a - b);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await atMost(STOP_PATIENCE_MS, this.#running);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        await this.#deps.prepare();
        await this.#memberOnce(signal, () => (attempt = 0));
      } catch (error) {
        this.#deps.logger.error(
          { ...errorFields(error), topic: this.#deps.options.topic, attempt },
          `consumer of ${this.#deps.options.topic} lost its session and joins again: ${messageOf(error)}`,
        );
        await pause(backOff(attempt), signal);
      }
    }
  }

  /** A member for as long as its session lasts. Throws when the session is lost. */
  async #memberOnce(signal: AbortSignal, joined: () => void): Promise<void> {
    const { group, topic } = this.#deps.options;
    const session = await openDedicated(this.#deps.dataSource, `log ${group}`);
    const lost = connectionLost(session);
    session.on('notification', ({ payload }) => {
      if (payload !== topic) return;
      for (const partition of this.#partitions.values()) partition.wake();
    });
    const ended = AbortSignal.any([signal, lost]);
    try {
      const member = await this.#join(session);
      joined();
      while (!ended.aborted) {
        await this.#balance(session, member);
        await pause(BALANCE_INTERVAL_MS, ended);
      }
    } finally {
      await Promise.all([...this.#partitions.keys()].map((partition) => this.#stopPartition(partition)));
      await closeDedicated(session);
    }
    if (!signal.aborted) throw lost.reason;
  }

  async #join(session: Client): Promise<number> {
    await session.query(`LISTEN ${LOG_CHANNEL}`);
    for (;;) {
      const member = randomInt(1, 2 ** 31 - 1);
      if (await this.#tryLock(session, 'members', member)) return member;
    }
  }

  async #balance(session: Client, member: number): Promise<void> {
    const due = await this.#dueTo(session, member);
    for (const partition of this.assigned()) {
      if (due.has(partition)) continue;
      await this.#stopPartition(partition);
      await session.query(`SELECT pg_advisory_unlock(hashtext($1), $2)`, [this.#lockName('partitions'), partition]);
    }
    for (const partition of due) {
      if (this.#partitions.has(partition)) continue;
      if (await this.#tryLock(session, 'partitions', partition)) this.#startPartition(partition);
    }
  }

  async #dueTo(session: Client, member: number): Promise<Set<number>> {
    const members = await session.query<{ member: number }>(
      `SELECT objid::bigint::int AS member FROM pg_locks
        WHERE locktype = 'advisory' AND objsubid = 2 AND granted AND classid = hashtext($1)::oid
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        ORDER BY 1`,
      [this.#lockName('members')],
    );
    const partitions = await session.query<{ partition: number }>(
      `SELECT partition FROM log_partitions WHERE topic = $1 ORDER BY partition`,
      [this.#deps.options.topic],
    );
    const place = members.rows.findIndex((row) => row.member === member);
    const due = partitions.rows.filter((_row, index) => index % members.rows.length === place);
    return new Set(due.map((row) => row.partition));
  }

  async #tryLock(session: Client, kind: 'members' | 'partitions', key: number): Promise<boolean> {
    const { rows } = await session.query<{ locked: boolean }>(
      `SELECT pg_try_advisory_lock(hashtext($1), $2) AS locked`,
      [this.#lockName(kind), key],
    );
    return rows[0]?.locked === true;
  }

  #lockName(kind: 'members' | 'partitions'): string {
    const { group, topic } = this.#deps.options;
    return `tidecast:log:${kind}:${group}:${topic}`;
  }

  #startPartition(partition: number): void {
    const { options, dataSource, handler, offsets, logger } = this.#deps;
    this.#partitions.set(
      partition,
      new PostgresPartition({ ref: { ...options, partition }, dataSource, handler, offsets, logger }),
    );
  }

  async #stopPartition(partition: number): Promise<void> {
    await this.#partitions.get(partition)?.stop();
    this.#partitions.delete(partition);
    metrics.consumerLag.remove({ ...this.#deps.options, partition });
  }
}
