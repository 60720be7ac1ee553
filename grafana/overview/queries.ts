import { bin } from '../sql-parts.js';

export const SERIES = `SELECT count(*) AS series, count(DISTINCT item_id) AS items FROM series`;

export const FORECASTS = `
SELECT count(*) AS forecasts, count(DISTINCT series_id) AS of_series
FROM forecasts
WHERE issued_at > now() - interval '1 hour'`.trim();

export const ALERTS = `
SELECT count(*) AS alerts
FROM anomaly_events
WHERE alert AND started_at > now() - interval '1 day'`.trim();

// The promise over all series of a week, of what was served.
export const COVERAGE = `
SELECT sum(points * coverage_80) / nullif(sum(points), 0) AS coverage_80,
       sum(points * coverage_95) / nullif(sum(points), 0) AS coverage_95
FROM forecast_scorecard
WHERE model = 'aggregate' AND day >= (now() AT TIME ZONE 'UTC')::date - 7`.trim();

export const DEAD_LETTERS = `
SELECT count(*) AS dead_letters
FROM dead_letters
WHERE occurred_at > now() - interval '1 day'`.trim();

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

export const JOB_RUNS = `
SELECT j.name AS job, r.status, r.scheduled_for, r.started_at,
       extract(epoch FROM coalesce(r.finished_at, now()) - r.started_at)::double precision AS duration,
       r.series_total, r.series_done, r.series_failed, r.failures -> 0 ->> 'message' AS first_failure
FROM job_runs r
JOIN jobs j USING (job_id)
WHERE $__timeFilter(r.started_at)
ORDER BY r.started_at DESC
LIMIT 200`.trim();
