import { bin } from '../sql-parts.js';

export const DEAD_LETTERS_BY_CODE = `
SELECT ${bin('occurred_at')} AS "time", code AS metric, count(*)::double precision AS records
FROM dead_letters
WHERE $__timeFilter(occurred_at)
GROUP BY 1, 2
ORDER BY 1`.trim();

export const DEAD_LETTERS = `
SELECT occurred_at, code, message, topic, "partition", "offset", key, left(encode(value, 'escape'), 200) AS record
FROM dead_letters
WHERE $__timeFilter(occurred_at)
ORDER BY occurred_at DESC
LIMIT 100`.trim();

export const OUTBOX = `
SELECT count(*) AS waiting, coalesce(extract(epoch FROM now() - min(created_at)), 0)::double precision AS oldest_age
FROM outbox`.trim();

// Kafka's end offsets are not in the database: there the lag is in the metric tidecast_consumer_lag_records.
export const OFFSETS = `
SELECT o.consumer_group, o.topic, o."partition", o.next_offset, p.next_offset - o.next_offset AS lag, o.updated_at
FROM stream_offsets o
LEFT JOIN log_partitions p USING (topic, "partition")
ORDER BY o.consumer_group, o.topic, o."partition"`.trim();
