import { randomUUID } from 'node:crypto';
import { ENV, type Env } from '@app/config';
import { LOGGER, PlatformError, messageOf, metrics, type Logger } from '@app/observability';
import { JobRepository, type JobEntity, type JobRunEntity } from '@app/persistence';
import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

import { MAX_STEPS } from '../check-command.js';
import { newestSlot, nextSlot } from './cron-slots.js';

/** Turns due jobs into runs with tasks, each slot once however many forecasters look. */
@Injectable()
export class RunStarter {
  constructor(
    private readonly jobs: JobRepository,
    @Inject(ENV) private readonly env: Pick<Env, 'JOB_TASK_SERIES'>,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Starts the job that has been due for longest; of slots that were missed the newest counts. */
  startDue(now: Date): Promise<'started' | 'skipped' | 'disabled' | 'nothing-due'> {
    return this.jobs.transaction(async (manager) => {
      const job = await this.jobs.lockDue(now, manager);
      if (!job) return 'nothing-due';

      const slots = this.slotsOf(job, now);
      if (!slots) {
        await this.jobs.update(job.jobId, { enabled: false }, manager);
        return 'disabled';
      }
      await this.jobs.update(job.jobId, { nextRunAt: slots.next }, manager);
      // Only where clocks differ: a slot that a machine ahead of this one has run.
      if (await this.jobs.hasRun(job.jobId, slots.newest, manager)) return 'skipped';
      if (await this.jobs.isRunning(job.jobId, manager)) {
        await this.skip(job, slots.newest, now, manager);
        return 'skipped';
      }
      await this.start(job, slots.newest, now, manager);
      return 'started';
    });
  }

  /** Starts a job out of turn. */
  startNow(jobId: string, now: Date): Promise<JobRunEntity> {
    return this.jobs.transaction(async (manager) => {
      const job = await this.jobs.lock(jobId, manager);
      if (!job) throw jobNotFound(jobId);
      if (await this.jobs.isRunning(jobId, manager)) {
        throw new PlatformError('RUN_IN_PROGRESS', `a run of job "${job.name}" goes on; wait until it has ended`);
      }
      return this.start(job, now, now, manager);
    });
  }

  private async start(job: JobEntity, scheduledFor: Date, now: Date, manager: EntityManager): Promise<JobRunEntity> {
    // A transaction stays short and small whatever the horizon.
    const taskSeries = Math.max(1, Math.min(this.env.JOB_TASK_SERIES, Math.floor(MAX_STEPS / job.horizon)));
    const begun = { runId: randomUUID(), job, scheduledFor, startedAt: now, taskSeries };
    const run = await this.jobs.startRun(begun, manager);
    await this.jobs.pruneRuns(job.jobId, manager);
    if (run.status !== 'running') metrics.jobRuns.inc({ status: run.status });
    return run;
  }

  private async skip(job: JobEntity, scheduledFor: Date, now: Date, manager: EntityManager): Promise<void> {
    const reason = 'the run before it was still going on';
    await this.jobs.skipRun({ runId: randomUUID(), jobId: job.jobId, scheduledFor, reason }, now, manager);
    await this.jobs.pruneRuns(job.jobId, manager);
    metrics.jobRuns.inc({ status: 'skipped' });
  }

  // A schedule was checked when it was made; should the zone have left the database since, the others must go on.
  private slotsOf({ name, cron, timeZone, nextRunAt }: JobEntity, now: Date): { newest: Date; next: Date } | undefined {
    try {
      const newest = newestSlot(cron, timeZone, nextRunAt, now);
      return { newest, next: nextSlot(cron, timeZone, now) };
    } catch (error) {
      this.logger.error({ job: name, err: error }, `job "${name}" is disabled: ${messageOf(error)}`);
      return undefined;
    }
  }
}

/** The error for a job that does not exist. */
export function jobNotFound(jobId: string): PlatformError {
  return new PlatformError('NOT_FOUND', `there is no job ${jobId}; GET /api/v1/jobs lists what there is`, { jobId });
}
