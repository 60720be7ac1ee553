import type { DataSource } from 'typeorm';

const ROUND_ROWS = 20_000;

/**
 * Removes records older than the retention that every known group of the topic (a row in `stream_offsets`) has read.
 * A topic that nobody has read yet keeps everything, as its reader may not have started: except those in `outward`,
 * which exist for readers outside and go by age alone. A group that is gone for good holds records back until its rows
 * in `stream_offsets` are deleted.
 *
 * @returns records removed.
 */
export async function trimLog(dataSource: DataSource, hours: number, outward: readonly string[]): Promise<number> {
  let removed = 0;
  for (;;) {
    const [, count]: [unknown, number] = await dataSource.query(
      `WITH floors AS (
         SELECT p.topic, p.partition,
                coalesce((SELECT min(next_offset) FROM stream_offsets o
                           WHERE o.topic = p.topic AND o.partition = p.partition),
                         CASE WHEN p.topic = ANY ($2) THEN p.next_offset ELSE 0 END) AS floor
           FROM log_partitions p
       ), expired AS (
         SELECT r.topic, r.partition, r."offset"
           FROM floors f
           CROSS JOIN LATERAL (
             SELECT topic, partition, "offset", appended_at FROM log_records
              WHERE topic = f.topic AND partition = f.partition AND "offset" < f.floor
              ORDER BY "offset" LIMIT $3
           ) r
          WHERE r.appended_at < now() - make_interval(hours => $1)
       )
       DELETE FROM log_records r USING expired e
        WHERE r.topic = e.topic AND r.partition = e.partition AND r."offset" = e."offset"`,
      [hours, outward, ROUND_ROWS],
    );
    removed += count;
    if (count < ROUND_ROWS) return removed;
  }
}
