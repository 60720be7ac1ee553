// Over all series: what each model promised and what it kept.

export const COVERAGE = `
SELECT day::timestamptz AS "time", model AS metric,
       (sum(points * coverage_80) / sum(points))::double precision AS coverage_80,
       (sum(points * coverage_95) / sum(points))::double precision AS coverage_95
FROM forecast_scorecard
WHERE $__timeFilter(day)
GROUP BY 1, 2
ORDER BY 1`.trim();

// Errors in units of seasonal naive, so that series of any size can be averaged.
export const MASE = `
SELECT day::timestamptz AS "time", model AS metric,
       (sum(points * mase) / sum(points))::double precision AS mase
FROM forecast_scorecard
WHERE mase IS NOT NULL AND $__timeFilter(day)
GROUP BY 1, 2
ORDER BY 1`.trim();

export const MODELS = `
SELECT model, count(DISTINCT (item_id, channel)) AS series, sum(points)::double precision AS points,
       sum(points * mase) FILTER (WHERE mase IS NOT NULL) / nullif(sum(points) FILTER (WHERE mase IS NOT NULL), 0) AS mase,
       sum(points * coverage_80) / sum(points) AS coverage_80,
       sum(points * coverage_95) / sum(points) AS coverage_95
FROM forecast_scorecard
WHERE $__timeFilter(day)
GROUP BY model
ORDER BY mase NULLS LAST`.trim();

// Intervals that hold one step ahead may fail a day ahead.
export const LEADS = `
SELECT lead_bucket, model, sum(points)::double precision AS points,
       sum(points * mase) FILTER (WHERE mase IS NOT NULL) / nullif(sum(points) FILTER (WHERE mase IS NOT NULL), 0) AS mase,
       sum(points * coverage_80) / sum(points) AS coverage_80,
       sum(points * coverage_95) / sum(points) AS coverage_95
FROM forecast_scorecard
WHERE $__timeFilter(day)
GROUP BY lead_bucket, model
ORDER BY lead_bucket, model`.trim();

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
