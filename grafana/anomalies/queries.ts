import { bin } from '../sql-parts.js';

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

// Told, over the budget, or held back by a rule: where few reach anybody this says why.
export const EVENTS = `
SELECT ${bin('started_at')} AS "time",
       CASE WHEN alert THEN 'alert' ELSE coalesce(suppressed_by, 'quiet') END AS metric, count(*)::double precision AS events
FROM anomaly_events
WHERE $__timeFilter(started_at)
GROUP BY 1, 2
ORDER BY 1`.trim();

// By the events that people have judged.
export const LABELS = `
SELECT label, count(*) AS events, max(started_at) AS newest
FROM anomaly_events
WHERE label IS NOT NULL AND $__timeFilter(started_at)
GROUP BY label
ORDER BY events DESC`.trim();

export const NOISIEST = `
SELECT item_id, count(*) FILTER (WHERE alert) AS alerts, count(*) AS events, max(peak_score) AS peak_score
FROM anomaly_events
WHERE $__timeFilter(started_at)
GROUP BY item_id
ORDER BY alerts DESC, events DESC
LIMIT 100`.trim();
