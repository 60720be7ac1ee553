import type { PartitionLag } from './observation-log.js';

/** Joins end offsets with a group's stored offsets; a partition never read counts from its start. */
export function partitionLags(ends: ReadonlyMap<number, number>, stored: ReadonlyMap<number, number>): PartitionLag[] {
  return [...ends]
    .toSorted(([a], [b]) => a - b)
    .map(([partition, endOffset]) => {
      const nextOffset = stored.get(partition) ?? 0;
      return { partition, nextOffset, endOffset, lag: Math.max(0, endOffset - nextOffset) };
    });
}
