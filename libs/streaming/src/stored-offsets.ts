import { PlatformError } from '@app/observability';
import type { DataSource, EntityManager } from 'typeorm';

/** One group's place in one partition. */
export interface PartitionRef {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
}

/** Another member has moved the offset: it owns the partition, and this transaction must not commit. */
export class FencedError extends Error {
  override readonly name = 'FencedError';
}

/**
 * Moves the stored offset from `expected` to `next` inside the transaction of the rows. It locks the offset's row, so
 * call it first: a member that lost the partition then waits and is refused before it does any work.
 *
 * @throws FencedError when the stored offset is no longer the expected one.
 */
export async function commitOffset(
  manager: EntityManager,
  { group, topic, partition }: PartitionRef,
  expected: number,
  next: number,
): Promise<void> {
  const [, updated]: [unknown, number] = await manager.query(
    `UPDATE stream_offsets SET next_offset = $5, updated_at = now()
      WHERE consumer_group = $1 AND topic = $2 AND partition = $3 AND next_offset = $4`,
    [group, topic, partition, expected, next],
  );
  if (updated === 1) return;
  throw new FencedError(`group ${group} no longer owns ${topic}/${partition} at offset ${expected}`);
}

/** Reads and initialises rows of `stream_offsets`. */
export class StoredOffsets {
  constructor(private readonly dataSource: DataSource) {}

  /** The next offset of a partition, or undefined before the group has first seen it. */
  async load({ group, topic, partition }: PartitionRef): Promise<number | undefined> {
    const rows: { next_offset: string }[] = await this.dataSource.query(
      `SELECT next_offset FROM stream_offsets WHERE consumer_group = $1 AND topic = $2 AND partition = $3`,
      [group, topic, partition],
    );
    return rows[0] && Number(rows[0].next_offset);
  }

  /** All stored offsets of a group in a topic. */
  async loadAll(group: string, topic: string): Promise<Map<number, number>> {
    const rows: { partition: number; next_offset: string }[] = await this.dataSource.query(
      `SELECT partition, next_offset FROM stream_offsets WHERE consumer_group = $1 AND topic = $2`,
      [group, topic],
    );
    return new Map(rows.map((row) => [row.partition, Number(row.next_offset)]));
  }

  /**
   * The offset to go on from, given what the log still has. The first time it is the earliest record. When retention or
   * a re-created topic has taken the stored offset, the group goes on at the earliest record, and the gap is kept as
   * a dead letter with the code OFFSET_LOST: neither a silent reset nor a partition that stalls for ever.
   */
  async resume(ref: PartitionRef, available: { earliest: number; end: number }): Promise<ResumePoint> {
    const stored = (await this.load(ref)) ?? (await this.initialise(ref, available.earliest));
    if (stored >= available.earliest && stored <= available.end) return { offset: stored };

    const lost = offsetLost(ref, stored, available);
    await this.dataSource.transaction(async (manager) => {
      await commitOffset(manager, ref, stored, available.earliest);
      await manager.query(
        `INSERT INTO dead_letters (topic, partition, "offset", code, message) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (topic, partition, "offset") DO NOTHING`,
        [ref.topic, ref.partition, stored, lost.code, lost.message],
      );
    });
    return { offset: available.earliest, lost };
  }

  /** Creates the group's row unless there is one; returns what it holds. */
  async initialise({ group, topic, partition }: PartitionRef, offset: number): Promise<number> {
    await this.dataSource.query(
      `INSERT INTO stream_offsets (consumer_group, topic, partition, next_offset) VALUES ($1, $2, $3, $4)
       ON CONFLICT DO NOTHING`,
      [group, topic, partition, offset],
    );
    return (await this.load({ group, topic, partition })) ?? offset;
  }
}

/** Where a member goes on, and what was lost on the way, if anything. */
export interface ResumePoint {
  readonly offset: number;
  readonly lost?: PlatformError;
}

function offsetLost(ref: PartitionRef, stored: number, { earliest, end }: { earliest: number; end: number }) {
  const place = `${ref.topic}/${ref.partition}`;
  const why =
    stored < earliest
      ? `records ${stored} to ${earliest - 1} of ${place} were removed by retention before group ${ref.group} read them`
      : `${place} ends at offset ${end}, before the stored offset ${stored} of group ${ref.group}: the topic was made anew`;
  const remedy = 'reading goes on at the earliest record; lengthen the retention or add consumers';
  return new PlatformError('OFFSET_LOST', `${why}; ${remedy}`, { ...ref, stored, earliest, end });
}
