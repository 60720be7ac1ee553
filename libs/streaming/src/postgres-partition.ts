import { messageOf, metrics, type Logger } from '@app/observability';
import type { DataSource } from 'typeorm';

import { backOff, pause } from './back-off.js';
import { deliver } from './delivery.js';
import { errorFields } from './error-fields.js';
import type { BatchHandler, LogRecord } from './observation-log.js';
import type { PartitionRef, StoredOffsets } from './stored-offsets.js';

const BATCH_RECORDS = 10_000;
const BATCH_BYTES = 8_388_608;
const POLL_INTERVAL_MS = 1_000;

interface Dependencies {
  readonly ref: PartitionRef;
  readonly dataSource: DataSource;
  readonly handler: BatchHandler;
  readonly offsets: StoredOffsets;
  readonly logger: Logger;
}

interface LogRow {
  readonly offset: string;
  readonly key: string | null;
  readonly value: Buffer | null;
  readonly headers: Record<string, string>;
  readonly appended_at: Date;
}

/** Reads one partition of the PostgreSQL log, in order, for as long as this member owns it. */
export class PostgresPartition {
  readonly #deps: Dependencies;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;
  #wakeUp = new AbortController();

  constructor(deps: Dependencies) {
    this.#deps = deps;
    this.#running = this.#run();
  }

  /** Looks for records now rather than at the next poll. */
  wake(): void {
    this.#wakeUp.abort();
  }

  /** Resolves when the transaction at hand is done. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        await this.#read(signal, () => (attempt = 0));
      } catch (error) {
        this.#deps.logger.error(
          { ...this.#deps.ref, ...errorFields(error), attempt },
          `partition can't be read and starts again: ${messageOf(error)}`,
        );
        await pause(backOff(attempt), signal);
      }
    }
  }

  async #read(signal: AbortSignal, progressed: () => void): Promise<void> {
    let position = await this.#resume();
    let ahead: Promise<LogRecord[]> | undefined;
    while (!signal.aborted) {
      const wakeUp = (this.#wakeUp = new AbortController());
      const records = await (ahead ?? this.#fetch(position));
      ahead = undefined;
      const [first, last] = [records[0], records.at(-1)];
      if (!first || !last) {
        await pause(POLL_INTERVAL_MS, AbortSignal.any([signal, wakeUp.signal]));
        continue;
      }
      if (first.offset !== position) {
        // Offsets have no gaps: what lies between was removed.
        position = await this.#resume();
        continue;
      }
      ahead = this.#fetch(last.offset + 1);
      // It may fail while the handler works; the loop sees that at its next turn.
      ahead.catch(() => undefined);
      const next = await this.#deliver(records, position, signal);
      if (next === undefined) break;
      if (next !== last.offset + 1) ahead = undefined;
      position = next;
      progressed();
      metrics.recordsConsumed.inc({ group: this.#deps.ref.group, topic: this.#deps.ref.topic }, records.length);
    }
    await ahead?.catch(() => undefined);
  }

  async #resume(): Promise<number> {
    const { ref, offsets, logger } = this.#deps;
    const { offset, lost } = await offsets.resume(ref, await this.#available());
    if (lost) logger.error({ ...lost.details, code: lost.code }, lost.message);
    return offset;
  }

  #deliver(records: LogRecord[], expectedOffset: number, signal: AbortSignal): Promise<number | undefined> {
    const { topic, partition } = this.#deps.ref;
    return deliver(this.#deps, { topic, partition, records, expectedOffset, signal });
  }

  async #available(): Promise<{ earliest: number; end: number }> {
    const { topic, partition } = this.#deps.ref;
    const rows: { earliest: string; end: string }[] = await this.#deps.dataSource.query(
      `SELECT next_offset AS "end",
              coalesce((SELECT min("offset") FROM log_records WHERE topic = $1 AND partition = $2), next_offset) AS earliest
         FROM log_partitions WHERE topic = $1 AND partition = $2`,
      [topic, partition],
    );
    return { earliest: Number(rows[0]?.earliest ?? 0), end: Number(rows[0]?.end ?? 0) };
  }

  /** The next records, bounded by number and by bytes, and the lag that is left behind them. */
  async #fetch(position: number): Promise<LogRecord[]> {
    const { group, topic, partition } = this.#deps.ref;
    const rows: (LogRow & { end: string })[] = await this.#deps.dataSource.query(
      `SELECT "offset", key, value, headers, appended_at, "end"
         FROM (SELECT "offset", key, value, headers, appended_at,
                      sum(coalesce(length(value), 0)) OVER (ORDER BY "offset") - coalesce(length(value), 0) AS before
                 FROM log_records
                WHERE topic = $1 AND partition = $2 AND "offset" >= $3
                ORDER BY "offset" LIMIT $4) AS records
         CROSS JOIN (SELECT next_offset AS "end" FROM log_partitions WHERE topic = $1 AND partition = $2) AS log
        WHERE before < $5 ORDER BY "offset"`,
      [topic, partition, position, BATCH_RECORDS, BATCH_BYTES],
    );
    const lag = rows[0] ? Number(rows[0].end) - Number(rows[0].offset) : 0;
    metrics.consumerLag.set({ group, topic, partition }, lag);
    return rows.map(({ offset, key, value, headers, appended_at }) => ({
      offset: Number(offset),
      key: key === null ? null : Buffer.from(key, 'utf8'),
      value,
      headers,
      timestamp: appended_at.getTime(),
    }));
  }
}
