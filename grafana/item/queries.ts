import { ONE_SERIES, bin } from '../sql-parts.js';

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

export const ANOMALIES = `
SELECT started_at, ended_at, array_to_string(channels, ', ') AS channels, peak_score, grade, confidence, points, alert,
       suppressed_by, label, anomaly_id::text AS anomaly_id
FROM anomaly_events
WHERE item_id IN (\${item:sqlstring}) AND $__timeFilter(started_at)
ORDER BY started_at DESC
LIMIT 200`.trim();

// What went into the newest forecast; a model alone has the whole weight.
export const PARTS = `
SELECT s.channel, f.model, f.issued_at, f.provider, f.status,
       coalesce(part.key, f.model) AS part, coalesce((part.value #>> '{}')::double precision, 1) AS weight
FROM series s
CROSS JOIN LATERAL (
  SELECT * FROM forecasts WHERE series_id = s.series_id ORDER BY cutoff DESC, issued_at DESC LIMIT 1
) f
LEFT JOIN LATERAL jsonb_each(f.parts #> '{aggregation,models}') part ON true
WHERE ${ONE_SERIES}
ORDER BY s.channel, weight DESC`.trim();

export const CHAMPIONS = `
SELECT c.decided_at, s.channel, c.champion, c.replaced, c.reason
FROM champions c
JOIN series s USING (series_id)
WHERE ${ONE_SERIES} AND $__timeFilter(c.decided_at)
ORDER BY c.decided_at DESC
LIMIT 200`.trim();
