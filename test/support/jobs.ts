import type { JobEntity } from '@app/persistence';
import type { DataSource } from 'typeorm';

import type { JobInput } from '../../apps/forecaster/src/jobs/job-input.js';
import type { JobWorker } from '../../apps/forecaster/src/jobs/job.worker.js';
import type { JobRun } from '../../apps/forecaster/src/jobs/jobs.service.js';
import { jobServices, jobWorker } from '../../apps/forecaster/test/jobs.js';
import { RecordingForecaster } from '../../apps/forecaster/test/recording-forecaster.js';
import { storeManySeries } from '../../apps/forecaster/test/stored-series.js';
import { truncate, useDatabase, type TestDatabase } from './database.js';

/** When everything happens, unless a test says otherwise. */
export const NOW = new Date('2026-05-01T12:00:30Z');
export const later = (seconds: number): Date => new Date(NOW.getTime() + seconds * 1000);

/** What `useJobs` gives to a spec file. */
export interface Jobs {
  readonly database: () => TestDatabase;
  readonly db: () => DataSource;
  /** The forecaster of the test at hand. */
  readonly forecaster: () => RecordingForecaster;
  readonly services: (taskSeries?: number) => ReturnType<typeof jobServices>;
  /** Makes a schedule: hourly, two steps ahead, unless `input` says otherwise. */
  readonly create: (input?: Partial<JobInput>, now?: Date) => Promise<JobEntity>;
  /** Stores the series `s-1 …`, eight points each. */
  readonly manySeries: (count: number) => Promise<void>;
  readonly runsOf: (jobId: string) => Promise<JobRun[]>;
  /** Works until nothing is left; gives what each look for work came to. */
  readonly workOff: (worker?: JobWorker, now?: Date) => Promise<string[]>;
}

/** A database of the spec file's own, empty before each test, a fresh forecaster and the real scheduling services. */
export function useJobs(): Jobs {
  const database = useDatabase();
  const db = () => database().dataSource;
  const services = (taskSeries?: number) => jobServices(db(), taskSeries);
  let forecaster: RecordingForecaster;
  beforeEach(async () => {
    forecaster = new RecordingForecaster();
    await truncate(db(), 'jobs', 'forecasts', 'observations', 'series');
  });
  return {
    database,
    db,
    forecaster: () => forecaster,
    services,
    create: (input = {}, now = NOW) => services().jobs.create({ cron: '0 * * * *', horizon: 2, ...input }, now),
    manySeries: (count) => storeManySeries(db(), { prefix: 's', count, length: 8, end: '2026-05-01T12:00:00Z' }),
    runsOf: (jobId) => services().jobs.runs(jobId),
    workOff: async (worker = jobWorker(db(), forecaster), now = NOW) => {
      const statuses: string[] = [];
      while (statuses.at(-1) !== 'idle') statuses.push(await worker.work(now));
      return statuses;
    },
  };
}
