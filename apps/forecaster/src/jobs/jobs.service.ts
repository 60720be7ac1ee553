import { randomUUID } from 'node:crypto';
import { ENV, type Env } from '@app/config';
import { PlatformError } from '@app/observability';
import { JobRepository, isUniqueViolation, type JobEntity, type JobRunEntity } from '@app/persistence';
import { Inject, Injectable } from '@nestjs/common';

import { checkHorizon } from '../check-command.js';
import { nextSlot } from './cron-slots.js';
import { checkName, checkSelector, type JobInput } from './job-input.js';
import { RunStarter, jobNotFound } from './run-starter.js';

/** A run with its progress: `seriesDone + seriesFailed` of `seriesTotal`. */
export type JobRun = JobRunEntity & {
  /** Milliseconds from start to end; null while it runs. */
  readonly durationMs: number | null;
};

const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;

/** Schedules of batch forecasts, for whoever manages them. Needs the database only. */
@Injectable()
export class JobsService {
  constructor(
    private readonly jobs: JobRepository,
    private readonly starter: RunStarter,
    @Inject(ENV) private readonly env: Pick<Env, 'MAX_HORIZON'>,
  ) {}

  /** @throws PlatformError CRON_INVALID, TIME_ZONE_INVALID, HORIZON_TOO_LONG, INVALID_REQUEST, JOB_NAME_TAKEN. */
  async create(input: JobInput, now = new Date()): Promise<JobEntity> {
    const { cron, timeZone = 'UTC', selector = {}, horizon, model = 'auto', enabled = true } = input;
    const jobId = randomUUID();
    const name = input.name ?? `${model} ${jobId.slice(0, 8)}`;
    checkName(name);
    checkSelector(selector);
    checkHorizon(horizon, this.env.MAX_HORIZON);
    const nextRunAt = nextSlot(cron, timeZone, now);
    try {
      return await this.jobs.create({ jobId, name, cron, timeZone, selector, horizon, model, enabled, nextRunAt });
    } catch (error) {
      if (!isUniqueViolation(error)) throw error;
      throw new PlatformError('JOB_NAME_TAKEN', `there is a job "${name}" already; choose another name`, { name });
    }
  }

  /** In the order of their names. */
  list(): Promise<JobEntity[]> {
    return this.jobs.findAll();
  }

  /** @throws PlatformError NOT_FOUND. */
  async get(jobId: string): Promise<JobEntity> {
    const job = UUID.test(jobId) ? await this.jobs.find(jobId) : null;
    if (!job) throw jobNotFound(jobId);
    return job;
  }

  /** Pauses or resumes a schedule; slots that passed meanwhile are not caught up. A run that goes on is completed. */
  async setEnabled(jobId: string, enabled: boolean, now = new Date()): Promise<JobEntity> {
    await this.get(jobId);
    await this.jobs.transaction(async (manager) => {
      const job = await this.jobs.lock(jobId, manager);
      // Resuming what runs already must not lose a slot that is due.
      if (!job || job.enabled === enabled) return;
      const change = enabled ? { enabled, nextRunAt: nextSlot(job.cron, job.timeZone, now) } : { enabled };
      await this.jobs.update(jobId, change, manager);
    });
    return this.get(jobId);
  }

  /** Removes a job and its runs; what they forecast stays. Waits for a task under work. */
  async delete(jobId: string): Promise<void> {
    await this.get(jobId);
    await this.jobs.transaction(async (manager) => {
      if (await this.jobs.lock(jobId, manager)) await this.jobs.delete(jobId, manager);
    });
  }

  /** Starts a run out of turn. @throws PlatformError NOT_FOUND, RUN_IN_PROGRESS. */
  async run(jobId: string, now = new Date()): Promise<JobRun> {
    await this.get(jobId);
    return withDuration(await this.starter.startNow(jobId, now));
  }

  /** The newest runs of a job, the one going on included. @throws PlatformError NOT_FOUND. */
  async runs(jobId: string, limit = 100): Promise<JobRun[]> {
    await this.get(jobId);
    return (await this.jobs.runs(jobId, limit)).map(withDuration);
  }
}

function withDuration(run: JobRunEntity): JobRun {
  const durationMs = run.finishedAt && run.finishedAt.getTime() - run.startedAt.getTime();
  return Object.assign(run, { durationMs });
}
