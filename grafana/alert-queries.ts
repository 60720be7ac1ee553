// SQL of the alert rules that no panel shows: one number a row, and texts that become the labels of the alert.

/** A series that stood still for so many of its steps is stale; one that did for a week was switched off. */
const STALE_STEPS = 5;

export const STALE = `
SELECT s.item_id, s.channel,
       (extract(epoch FROM now() - o.ts) / extract(epoch FROM s.freq::interval))::double precision AS steps_behind
FROM series s
CROSS JOIN LATERAL (SELECT ts FROM observations WHERE series_id = s.series_id ORDER BY ts DESC LIMIT 1) o
WHERE s.freq IS NOT NULL AND o.ts > now() - interval '7 days' AND now() - o.ts > ${STALE_STEPS} * s.freq::interval
ORDER BY steps_behind DESC
LIMIT 100`.trim();

export const DEAD_LETTERS = `
SELECT code, count(*)::double precision AS records
FROM dead_letters
WHERE occurred_at > now() - interval '10 minutes'
GROUP BY code`.trim();

export const FAILED_RUNS = `
SELECT j.name AS job, count(*)::double precision AS runs
FROM job_runs r
JOIN jobs j USING (job_id)
WHERE r.status IN ('failed', 'partly-failed') AND r.finished_at > now() - interval '1 hour'
GROUP BY j.name`.trim();

export const OUTBOX_AGE = `
SELECT coalesce(extract(epoch FROM now() - min(created_at)), 0)::double precision AS seconds
FROM outbox`.trim();
