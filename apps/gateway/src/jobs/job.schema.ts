import type { JobEntity } from '@app/persistence';
import { z } from 'zod';
import type { JobInput } from '../../../forecaster/src/jobs/job-input.js';
import type { JobRun } from '../../../forecaster/src/jobs/jobs.service.js';
import { limit } from '../request-values.js';

const selector = z.strictObject({
  item_ids: z.array(z.string()).optional().describe('Series of these items.'),
  labels: z.record(z.string(), z.string()).optional().describe('Series that carry all these labels.'),
});

/** Body of `POST /jobs`. */
export const jobRequest = z
  .strictObject({
    name: z.string().optional().describe('Unique; made up when absent.'),
    cron: z.string().max(200).describe('Five fields, or six with seconds first.'),
    time_zone: z.string().optional().describe('IANA zone of the schedule; UTC when absent.'),
    selector: selector.optional().describe('Which series; all when absent.'),
    horizon: z.int().min(1).describe('Steps ahead.'),
    model: z.string().min(1).optional().describe('A name that GET /models lists; auto when absent.'),
    enabled: z.boolean().optional().describe('Whether the schedule is kept; true when absent.'),
  })
  .meta({
    examples: [
      {
        name: 'pumps, hourly',
        cron: '5 * * * *',
        time_zone: 'Europe/Berlin',
        selector: { labels: { site: 'north' } },
        horizon: 24,
      },
    ],
  });
export type JobRequest = z.output<typeof jobRequest>;

/** Body of `PATCH /jobs/{job_id}`. */
export const jobPatch = z
  .strictObject({ enabled: z.boolean().describe('False pauses the schedule, true resumes it.') })
  .meta({ examples: [{ enabled: false }] });
export type JobPatch = z.output<typeof jobPatch>;

/** Query of `GET /jobs/{job_id}/runs`. */
export const runsQuery = z.strictObject({ limit: limit(100, 1_000) });
export type RunsQuery = z.output<typeof runsQuery>;

const jobView = z.object({
  job_id: z.string(),
  name: z.string(),
  cron: z.string(),
  time_zone: z.string(),
  selector,
  horizon: z.int(),
  model: z.string(),
  enabled: z.boolean(),
  next_run_at: z.string(),
  created_at: z.string(),
});
export type JobView = z.output<typeof jobView>;

const runView = z.object({
  run_id: z.string(),
  job_id: z.string(),
  scheduled_for: z.string(),
  status: z.enum(['running', 'succeeded', 'partly-failed', 'failed', 'skipped']),
  series_total: z.int(),
  series_done: z.int().describe('Grows while the run goes on.'),
  series_failed: z.int(),
  failures: z
    .array(z.object({ item_id: z.string(), channel: z.string().nullable(), code: z.string(), message: z.string() }))
    .describe('Series without a forecast, and why.'),
  started_at: z.string(),
  finished_at: z.string().nullable(),
  duration_ms: z.number().nullable(),
});
export type RunView = z.output<typeof runView>;

const job: JobView = {
  job_id: '5f6c0d3e-8a52-4b7e-9f0a-3a1d6e1b2c44',
  name: 'pumps, hourly',
  cron: '5 * * * *',
  time_zone: 'Europe/Berlin',
  selector: { labels: { site: 'north' } },
  horizon: 24,
  model: 'auto',
  enabled: true,
  next_run_at: '2026-01-08T13:05:00.000Z',
  created_at: '2026-01-08T12:10:00.000Z',
};
const run: RunView = {
  run_id: 'd2a1c7f0-3f0b-4c5e-8a7d-2b9e4f6a1c33',
  job_id: job.job_id,
  scheduled_for: '2026-01-08T13:05:00.000Z',
  status: 'succeeded',
  series_total: 120,
  series_done: 120,
  series_failed: 0,
  failures: [],
  started_at: '2026-01-08T13:05:00.020Z',
  finished_at: '2026-01-08T13:05:01.480Z',
  duration_ms: 1_460,
};
export const jobExample = jobView.meta({ examples: [job] });
export const jobList = z.object({ jobs: z.array(jobView) }).meta({ examples: [{ jobs: [job] }] });
export const runExample = runView.meta({ examples: [run] });
export const runList = z.object({ runs: z.array(runView) }).meta({ examples: [{ runs: [run] }] });

/** What the service is asked for by a request. */
export function toJobInput({ time_zone, selector, ...rest }: JobRequest): JobInput {
  return {
    ...rest,
    ...(time_zone === undefined ? {} : { timeZone: time_zone }),
    ...(selector === undefined ? {} : { selector: toSelector(selector) }),
  };
}

function toSelector({ item_ids, labels }: NonNullable<JobRequest['selector']>): NonNullable<JobInput['selector']> {
  return { ...(item_ids === undefined ? {} : { itemIds: item_ids }), ...(labels === undefined ? {} : { labels }) };
}

/** A job as clients see it. */
export function viewJob({ selector: { itemIds, labels }, ...job }: JobEntity): JobView {
  return {
    job_id: job.jobId,
    name: job.name,
    cron: job.cron,
    time_zone: job.timeZone,
    selector: { ...(itemIds ? { item_ids: [...itemIds] } : {}), ...(labels ? { labels: { ...labels } } : {}) },
    horizon: job.horizon,
    model: job.model,
    enabled: job.enabled,
    next_run_at: job.nextRunAt.toISOString(),
    created_at: job.createdAt.toISOString(),
  };
}

/** A run as clients see it. */
export function viewRun(run: JobRun): RunView {
  return {
    run_id: run.runId,
    job_id: run.jobId,
    scheduled_for: run.scheduledFor.toISOString(),
    status: run.status,
    series_total: run.seriesTotal,
    series_done: run.seriesDone,
    series_failed: run.seriesFailed,
    failures: run.failures.map(({ itemId, ...failure }) => ({ item_id: itemId, ...failure })),
    started_at: run.startedAt.toISOString(),
    finished_at: run.finishedAt?.toISOString() ?? null,
    duration_ms: run.durationMs,
  };
}
