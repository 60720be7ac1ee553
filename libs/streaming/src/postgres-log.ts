import { createHash } from 'node:crypto';

import type { Env } from '@app/config';
import { PlatformError, messageOf, type Logger } from '@app/observability';
import { byteaArray, int4Array, textArray, withoutNul } from '@app/persistence';
import type { DataSource, EntityManager } from 'typeorm';

import { errorFields } from './error-fields.js';
import { partitionLags } from './lag.js';
import type {
  BatchHandler,
  ConsumeOptions,
  Consumption,
  ObservationLog,
  OutgoingRecord,
  PartitionLag,
} from './observation-log.js';
import { LOG_CHANNEL, PostgresConsumption } from './postgres-consumption.js';
import { trimLog } from './postgres-retention.js';
import { StoredOffsets } from './stored-offsets.js';

const MAX_APPENDING_RECORDS = 100_000;
const TRIM_INTERVAL_MS = 600_000;

const MAKE_TOPICS = `
  INSERT INTO log_partitions (topic, partition)
  SELECT topic, partition FROM unnest($1::text[]) AS topic, generate_series(0, $2::int - 1) AS partition
   WHERE NOT EXISTS (SELECT FROM log_partitions l WHERE l.topic = topic.topic)
   ORDER BY 1, 2
  ON CONFLICT DO NOTHING`;

/** The observation log in a PostgreSQL table: durable and exactly once as well, so that a laptop needs no broker. */
export class PostgresLog implements ObservationLog {
  readonly kind = 'postgres';
  readonly #offsets: StoredOffsets;
  readonly #consumptions = new Set<PostgresConsumption>();
  readonly #partitions = new Map<string, number>();
  readonly #ensured = new Set<string>();
  readonly #trimTimer: NodeJS.Timeout;
  #unkeyed = 0;
  #appending = 0;

  constructor(
    private readonly env: Env,
    private readonly dataSource: DataSource,
    private readonly logger: Logger,
  ) {
    this.#offsets = new StoredOffsets(dataSource);
    this.#trimTimer = setInterval(() => void this.#trim(), TRIM_INTERVAL_MS).unref();
  }

  async check(): Promise<void> {
    await this.#available(() => this.dataSource.query('SELECT 1'));
  }

  /** A topic keeps the number of partitions that it was made with: another one would move keys and break their order. */
  async ensureTopics(topics: readonly string[]): Promise<void> {
    await this.#available(() => this.dataSource.query(MAKE_TOPICS, [topics, this.env.TOPIC_PARTITIONS]));
    for (const topic of topics) this.#ensured.add(topic);
  }

  /** At most 100,000 records wait for connections of the pool; then it throws OVERLOADED. */
  async append(topic: string, records: readonly OutgoingRecord[]): Promise<void> {
    if (records.length === 0) return;
    // One call larger than the limit may pass when nothing else waits; the caller's own limits bound it.
    if (this.#appending > 0 && this.#appending + records.length > MAX_APPENDING_RECORDS) {
      throw new PlatformError('OVERLOADED', `${this.#appending} records already wait for the database; try again`);
    }
    this.#appending += records.length;
    try {
      await this.#available(() => this.dataSource.transaction((manager) => this.appendIn(manager, topic, records)));
    } finally {
      this.#appending -= records.length;
    }
  }

  /**
   * Appends in the caller's transaction. The rows of the partitions stay locked until it commits, so offsets have no
   * gaps and appear in commit order: a reader never passes a record that commits later.
   */
  readonly appendIn = async (
    manager: EntityManager,
    topic: string,
    records: readonly OutgoingRecord[],
  ): Promise<void> => {
    const count = await this.#partitionCount(manager, topic);
    const partitions = records.map(({ key }) => (key === null ? this.#unkeyed++ % count : partitionOf(key, count)));
    // In ascending order, so that two appends never wait for each other.
    await manager.query(
      `SELECT FROM log_partitions WHERE topic = $1 AND partition = ANY ($2) ORDER BY partition FOR UPDATE`,
      [topic, int4Array([...new Set(partitions)])],
    );
    await manager.query(
      `WITH input AS (
         SELECT *, row_number() OVER (PARTITION BY partition ORDER BY place) - 1 AS step
           FROM unnest($2::int[], $3::text[], $4::bytea[], $5::text[])
                WITH ORDINALITY AS input (partition, key, value, headers, place)
       ), moved AS (
         UPDATE log_partitions l SET next_offset = next_offset + added.count
           FROM (SELECT partition, count(*) FROM input GROUP BY partition) added
          WHERE l.topic = $1 AND l.partition = added.partition
         RETURNING l.partition, l.next_offset - added.count AS base
       )
       INSERT INTO log_records (topic, partition, "offset", key, value, headers)
       SELECT $1, partition, base + step, key, value, headers::jsonb FROM input JOIN moved USING (partition)`,
      [
        topic,
        int4Array(partitions),
        textArray(records.map((record) => record.key)),
        byteaArray(records.map((record) => record.value)),
        textArray(records.map(({ headers }) => (headers ? headersJson(headers) : '{}'))),
      ],
    );
    await manager.query(`SELECT pg_notify($1, $2)`, [LOG_CHANNEL, topic]);
  };

  consume(options: ConsumeOptions, handler: BatchHandler): Consumption {
    const consumption = new PostgresConsumption({
      dataSource: this.dataSource,
      options,
      handler,
      offsets: this.#offsets,
      logger: this.logger,
      prepare: () => this.ensureTopics([options.topic]),
    });
    this.#consumptions.add(consumption);
    return consumption;
  }

  async endOffsets(topic: string): Promise<Map<number, number>> {
    const rows: { partition: number; next_offset: string }[] = await this.#available(() =>
      this.dataSource.query(`SELECT partition, next_offset FROM log_partitions WHERE topic = $1`, [topic]),
    );
    return new Map(rows.map((row) => [row.partition, Number(row.next_offset)]));
  }

  async lag(group: string, topic: string): Promise<PartitionLag[]> {
    return partitionLags(await this.endOffsets(topic), await this.#offsets.loadAll(group, topic));
  }

  async close(): Promise<void> {
    clearInterval(this.#trimTimer);
    await Promise.all([...this.#consumptions].map((consumption) => consumption.stop()));
  }

  // On the caller's connection: one more from the pool might never come free while all its users wait for one.
  async #partitionCount(manager: EntityManager, topic: string): Promise<number> {
    const known = this.#partitions.get(topic);
    if (known !== undefined) return known;
    const count = 'SELECT count(*)::int AS count FROM log_partitions WHERE topic = $1';
    let rows: { count: number }[] = await manager.query(count, [topic]);
    if (rows[0]?.count === 0) {
      await manager.query(MAKE_TOPICS, [[topic], this.env.TOPIC_PARTITIONS]);
      rows = await manager.query(count, [topic]);
    }
    const found = rows[0]?.count ?? 0;
    // Known for good only once it is committed: until then a rollback takes a new topic away again.
    if (found > 0 && this.#ensured.has(topic)) this.#partitions.set(topic, found);
    return found;
  }

  async #trim(): Promise<void> {
    try {
      const removed = await trimLog(this.dataSource, this.env.LOG_RETENTION_HOURS, [
        this.env.DEAD_LETTER_TOPIC,
        this.env.ANOMALIES_TOPIC,
      ]);
      if (removed > 0) this.logger.info({ removed }, 'records past their retention were removed from the log');
    } catch (error) {
      this.logger.warn(
        { ...errorFields(error) },
        `the log was not trimmed, the next round tries again: ${messageOf(error)}`,
      );
    }
  }

  async #available<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof PlatformError) throw error;
      throw new PlatformError(
        'LOG_UNAVAILABLE',
        `the observation log in PostgreSQL does not answer: ${messageOf(error)}`,
        {},
        { cause: error },
      );
    }
  }
}

// The first 32 bits of MD5: spread evenly, the same in every process and version.
function partitionOf(key: string, count: number): number {
  return createHash('md5').update(key).digest().readUInt32BE(0) % count;
}

function headersJson(headers: Readonly<Record<string, string>>): string {
  const clean = Object.entries(headers).map(([name, value]) => [withoutNul(name), withoutNul(value)]);
  return JSON.stringify(Object.fromEntries(clean));
}
