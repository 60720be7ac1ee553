// The SQL of the dashboard. ${item:sqlstring} quotes a variable's values, whether one or many are chosen.

/** Times in bins as wide as a pixel of the panel, so that a long range stays cheap to draw. */
const bin = (column: string) => `date_bin(make_interval(secs => $__interval_ms / 1000.0), ${column}, 'epoch')`;

const ONE_SERIES = 'item_id IN (${item:sqlstring}) AND channel IN (${channel:sqlstring})';

/** Queries of the variables. */
export const VARIABLE_QUERIES = {
  // What is typed into the drop-down narrows it, as there may be many more items than it can show.
  item: `SELECT DISTINCT item_id FROM series WHERE item_id LIKE '$__searchFilter' ORDER BY item_id LIMIT 1000`,
  channel: 'SELECT DISTINCT channel FROM series WHERE item_id IN (${item:sqlstring}) ORDER BY channel',
} as const;

// A point that has its bin to itself stays where it was measured, in line with the forecast.
export const OBSERVED = `
SELECT min(ts) AS "time", avg(value) AS observed
FROM observation_points
WHERE ${ONE_SERIES} AND $__timeFilter(ts)
GROUP BY ${bin('ts')}
ORDER BY 1`.trim();

export const LATEST_FORECAST = `
SELECT ts AS "time", yhat AS forecast,
       yhat_lower_80 AS lower_80, yhat_upper_80 AS upper_80, yhat_lower_95 AS lower_95, yhat_upper_95 AS upper_95
FROM forecast_latest
WHERE ${ONE_SERIES} AND $__timeFilter(ts)
ORDER BY 1`.trim();

// Of several forecasts for one time at this lead the one issued last counts.
export const PAST_FORECASTS = `
SELECT DISTINCT ON (ts) ts AS "time", mean AS forecast,
       q100 AS lower_80, q900 AS upper_80, q025 AS lower_95, q975 AS upper_95
FROM forecast_points
WHERE ${ONE_SERIES} AND step = \${lead} AND cutoff < $__timeTo() AND $__timeFilter(ts)
ORDER BY ts, issued_at DESC`.trim();

// What a rule suppresses nobody wants to see here either.
export const ANOMALY_ANNOTATIONS = `
SELECT started_at AS "time", ended_at AS "timeEnd",
       concat('score ', round(peak_score::numeric, 2), ' at ', to_char(peak_at, 'YYYY-MM-DD HH24:MI:SS'), ', ', points,
              CASE points WHEN 1 THEN ' point' ELSE ' points' END) AS text,
       concat_ws(',', CASE WHEN alert THEN 'alert' ELSE 'over budget' END, label, nullif(array_to_string(channels, ','), '')) AS tags
FROM anomaly_events
WHERE item_id IN (\${item:sqlstring}) AND started_at <= $__timeTo() AND ended_at >= $__timeFrom()
  AND (alert OR suppressed_by = 'budget')
ORDER BY 1
LIMIT 500`.trim();

export const ANOMALIES = `
SELECT started_at, ended_at, item_id, array_to_string(channels, ', ') AS channels, peak_score, grade, confidence, points,
       alert, suppressed_by, label, anomaly_id::text AS anomaly_id
FROM anomaly_events
WHERE $__timeFilter(started_at)
ORDER BY started_at DESC
LIMIT 200`.trim();

export const FRESHNESS = `
SELECT s.item_id, s.channel, o.ts AS last_point,
       extract(epoch FROM now() - o.ts)::double precision AS age,
       (extract(epoch FROM now() - o.ts) / nullif(extract(epoch FROM s.freq::interval), 0))::double precision AS steps_behind,
       s.freq, f.cutoff AS last_forecast_from
FROM series s
LEFT JOIN LATERAL (SELECT ts FROM observations WHERE series_id = s.series_id ORDER BY ts DESC LIMIT 1) o ON true
LEFT JOIN LATERAL (
  SELECT cutoff FROM forecasts WHERE series_id = s.series_id ORDER BY cutoff DESC, issued_at DESC LIMIT 1
) f ON true
ORDER BY o.ts NULLS FIRST
LIMIT 500`.trim();

export const POINTS_PER_SECOND = `
SELECT ${bin('known_at')} AS "time",
       (count(*) / ($__interval_ms / 1000.0))::double precision AS points_per_second
FROM observations
WHERE $__timeFilter(known_at)
GROUP BY 1
ORDER BY 1`.trim();

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

export const JOB_RUNS = `
SELECT j.name AS job, r.status, r.scheduled_for, r.started_at,
       extract(epoch FROM coalesce(r.finished_at, now()) - r.started_at)::double precision AS duration,
       r.series_total, r.series_done, r.series_failed, r.failures -> 0 ->> 'message' AS first_failure
FROM job_runs r
JOIN jobs j USING (job_id)
WHERE $__timeFilter(r.started_at)
ORDER BY r.started_at DESC
LIMIT 200`.trim();

// Each day by itself: the line says when an interval began to promise too much.
export const COVERAGE = `
SELECT day::timestamptz AS "time", model AS metric,
       (sum(points * coverage_80) / sum(points))::double precision AS coverage_80,
       (sum(points * coverage_95) / sum(points))::double precision AS coverage_95
FROM forecast_scorecard
WHERE ${ONE_SERIES} AND $__timeFilter(day)
GROUP BY 1, 2
ORDER BY 1`.trim();

export const SCORECARD = `
SELECT channel, model, sum(points)::double precision AS points,
       sum(points * mae) / sum(points) AS mae,
       sum(points * mase) FILTER (WHERE mase IS NOT NULL) / nullif(sum(points) FILTER (WHERE mase IS NOT NULL), 0) AS mase,
       sum(points * coverage_80) / sum(points) AS coverage_80,
       sum(points * coverage_95) / sum(points) AS coverage_95,
       sum(points * width_80) / sum(points) AS width_80
FROM forecast_scorecard
WHERE ${ONE_SERIES} AND $__timeFilter(day)
GROUP BY channel, model
ORDER BY channel, mae`.trim();

/** Points that a week must have scored before its coverage is judged. */
const FEWEST_TO_JUDGE = 200;

// What is served only: intervals of shadows promise nothing to anybody. Six points off with 200 dependent points is beyond
// what chance explains.
export const MISCOVERAGE = `
SELECT item_id, channel, max(abs(coverage_80 - 0.8)) AS off_by
FROM (
  SELECT item_id, channel, model, sum(points * coverage_80) / sum(points) AS coverage_80
  FROM forecast_scorecard
  WHERE day >= (now() AT TIME ZONE 'UTC')::date - 7 AND model = 'aggregate'
  GROUP BY item_id, channel, model
  HAVING sum(points) >= ${FEWEST_TO_JUDGE}
) AS week
GROUP BY item_id, channel
ORDER BY off_by DESC
LIMIT 1000`.trim();

export const CHAMPIONS = `
SELECT c.decided_at, s.item_id, s.channel, c.champion, c.replaced, c.reason
FROM champions c
JOIN series s USING (series_id)
WHERE $__timeFilter(c.decided_at)
ORDER BY c.decided_at DESC
LIMIT 200`.trim();
