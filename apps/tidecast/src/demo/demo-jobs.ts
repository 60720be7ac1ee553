import type { JobsService } from '../../../forecaster/src/jobs/jobs.service.js';
import { DEMO_SETS, type DemoSet } from './demo-set.js';

const EVERY_TEN_SECONDS = '*/10 * * * * *';

/** The schedules of the demo, on only while something is replayed: nobody else needs a forecast every ten seconds. */
export class DemoJobs {
  constructor(private readonly jobs: JobsService) {}

  /** Makes the jobs that are missing and switches all of them on. */
  async resume(): Promise<void> {
    const existing = new Map((await this.jobs.list()).map((job) => [job.name, job]));
    for (const set of DEMO_SETS) {
      const job = existing.get(jobName(set)) ?? (await this.create(set));
      if (!job.enabled) await this.jobs.setEnabled(job.jobId, true);
    }
  }

  async pause(): Promise<void> {
    const names = new Set(DEMO_SETS.map(jobName));
    const running = (await this.jobs.list()).filter(({ name, enabled }) => enabled && names.has(name));
    for (const { jobId } of running) await this.jobs.setEnabled(jobId, false);
  }

  private create(set: DemoSet) {
    const selector = { itemIds: [set.itemId] };
    return this.jobs.create({ name: jobName(set), cron: EVERY_TEN_SECONDS, selector, horizon: set.horizon });
  }
}

function jobName({ itemId }: DemoSet): string {
  return `demo: ${itemId}`;
}
