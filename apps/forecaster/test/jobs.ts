import type { Forecaster } from '@app/forecasters';
import { silentLogger } from '@app/observability';
import { JobRepository, JobTaskRepository, SeriesRepository } from '@app/persistence';
import type { DataSource } from 'typeorm';

import { JobWorker } from '../src/jobs/job.worker.js';
import { JobsService } from '../src/jobs/jobs.service.js';
import { RunStarter } from '../src/jobs/run-starter.js';
import { LIMITS, forecastService } from './forecast-service.js';

/** The real scheduling services on a real database. */
export function jobServices(dataSource: DataSource, taskSeries = 10): { jobs: JobsService; starter: RunStarter } {
  const repository = new JobRepository(dataSource);
  const starter = new RunStarter(repository, { JOB_TASK_SERIES: taskSeries }, silentLogger());
  return { starter, jobs: new JobsService(repository, starter, LIMITS) };
}

/** A worker that does nothing by itself: call `work`, or start it with `onApplicationBootstrap`. */
export function jobWorker(dataSource: DataSource, forecaster: Forecaster): JobWorker {
  return new JobWorker(
    dataSource,
    new JobTaskRepository(dataSource),
    new SeriesRepository(dataSource),
    forecastService(dataSource, forecaster),
    { JOB_TASKS_AT_ONCE: 1, DATABASE_POOL: 10 },
    silentLogger(),
  );
}
