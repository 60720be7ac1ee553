import { OBSERVATION_LOG, type ObservationLog } from '@app/streaming';
import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { StreamHealth, StreamView } from './stream.schema.js';

interface OffsetRow {
  readonly consumer_group: string;
  readonly topic: string;
  readonly partition: number;
  readonly updated_at: Date;
}

interface Waiting {
  readonly count: number;
  readonly at: Date | null;
}

/** Beyond this a number says nothing new, and counting takes long. */
const COUNT_AT_MOST = 10_000;

/** Reads how far the consumer groups are, and what lies about. */
@Injectable()
export class StreamReader {
  constructor(
    private readonly dataSource: DataSource,
    @Inject(OBSERVATION_LOG) private readonly log: ObservationLog,
  ) {}

  /** @throws PlatformError LOG_UNAVAILABLE. */
  async read(): Promise<StreamHealth> {
    const [streams, deadLetters, outbox] = await Promise.all([
      this.#streams(),
      this.#count('dead_letters', 'occurred_at', 'max'),
      this.#count('outbox', 'created_at', 'min'),
    ]);
    return {
      log: this.log.kind,
      streams,
      dead_letters: { count: deadLetters.count, newest_at: deadLetters.at?.toISOString() ?? null },
      outbox: { waiting: outbox.count, oldest_at: outbox.at?.toISOString() ?? null },
    };
  }

  async #streams(): Promise<StreamView[]> {
    const rows = await this.dataSource.query<OffsetRow[]>(
      `SELECT consumer_group, topic, partition, updated_at FROM stream_offsets
        ORDER BY consumer_group COLLATE "C", topic COLLATE "C", partition`,
    );
    const groups = new Map<string, OffsetRow[]>();
    for (const row of rows) {
      const name = JSON.stringify([row.consumer_group, row.topic]);
      groups.set(name, [...(groups.get(name) ?? []), row]);
    }
    return Promise.all([...groups.values()].map((group) => this.#stream(group)));
  }

  async #stream(rows: readonly OffsetRow[]): Promise<StreamView> {
    const { consumer_group: group, topic } = rows[0]!;
    const moved = new Map(rows.map(({ partition, updated_at }) => [partition, updated_at]));
    const partitions = (await this.log.lag(group, topic)).map(({ partition, nextOffset, endOffset, lag }) => ({
      partition,
      next_offset: nextOffset,
      end_offset: endOffset,
      lag,
      moved_at: moved.get(partition)?.toISOString() ?? null,
    }));
    return { group, topic, lag: partitions.reduce((sum, { lag }) => sum + lag, 0), partitions };
  }

  async #count(table: 'dead_letters' | 'outbox', column: string, which: 'min' | 'max'): Promise<Waiting> {
    const [row] = await this.dataSource.query<Waiting[]>(
      `SELECT (SELECT count(*)::int FROM (SELECT FROM ${table} LIMIT ${COUNT_AT_MOST}) t) AS count,
              (SELECT ${which}(${column}) FROM ${table}) AS at`,
    );
    return row!;
  }
}
