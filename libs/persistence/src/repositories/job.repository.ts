import type { DataSource, EntityManager } from 'typeorm';

import { JobRunEntity } from '../entities/job-run.entity.js';
import { JobEntity } from '../entities/job.entity.js';

/** Runs of a job that are kept; of skipped ones as many again, so that they can't push the others out. */
const KEPT_RUNS = 1_000;

/** A run that begins. */
export interface NewRun {
  readonly runId: string;
  readonly job: JobEntity;
  readonly scheduledFor: Date;
  readonly startedAt: Date;
  /** Series in one task. */
  readonly taskSeries: number;
}

/** Schedules and their runs. Methods that take a manager work in its transaction. */
export class JobRepository {
  constructor(private readonly dataSource: DataSource) {}

  transaction<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return this.dataSource.transaction(work);
  }

  async create(job: Omit<JobEntity, 'createdAt'>): Promise<JobEntity> {
    await this.dataSource.manager.insert(JobEntity, job);
    return this.dataSource.manager.findOneByOrFail(JobEntity, { jobId: job.jobId });
  }

  /** In the order of their names. */
  findAll(): Promise<JobEntity[]> {
    return this.dataSource.manager.find(JobEntity, { order: { name: 'ASC' } });
  }

  find(jobId: string): Promise<JobEntity | null> {
    return this.dataSource.manager.findOneBy(JobEntity, { jobId });
  }

  /** Holds the job until the transaction ends, so that it is started, changed or deleted by one at a time. */
  lock(jobId: string, manager: EntityManager): Promise<JobEntity | null> {
    return manager.findOne(JobEntity, { where: { jobId }, lock: { mode: 'pessimistic_write' } });
  }

  /** The job that has been due for longest and that nobody else is starting, locked; null when there is none. */
  async lockDue(now: Date, manager: EntityManager): Promise<JobEntity | null> {
    return manager
      .createQueryBuilder(JobEntity, 'job')
      .where('job.enabled AND job.nextRunAt <= :now', { now })
      .orderBy('job.nextRunAt')
      .limit(1)
      .setLock('pessimistic_write')
      .setOnLocked('skip_locked')
      .getOne();
  }

  async update(jobId: string, change: Partial<JobEntity>, manager: EntityManager): Promise<void> {
    await manager.update(JobEntity, { jobId }, change);
  }

  /** Removes a locked job with its runs; waits for tasks under work. Its forecasts stay. */
  async delete(jobId: string, manager: EntityManager): Promise<void> {
    // Tasks first: who works on one holds it and then wants its run, so the other way round would be a deadlock.
    await manager.query(`DELETE FROM job_tasks WHERE run_id IN (SELECT run_id FROM job_runs WHERE job_id = $1)`, [
      jobId,
    ]);
    await manager.delete(JobEntity, { jobId });
  }

  /** The newest runs of a job. */
  runs(jobId: string, limit: number): Promise<JobRunEntity[]> {
    return this.dataSource.manager.find(JobRunEntity, {
      where: { jobId },
      order: { scheduledFor: 'DESC' },
      take: limit,
    });
  }

  isRunning(jobId: string, manager: EntityManager): Promise<boolean> {
    return manager.existsBy(JobRunEntity, { jobId, status: 'running' });
  }

  hasRun(jobId: string, scheduledFor: Date, manager: EntityManager): Promise<boolean> {
    return manager.existsBy(JobRunEntity, { jobId, scheduledFor });
  }

  /**
   * Records a run with its tasks. The channels of an item stay in one task, as models may forecast them together, unless
   * they are more than a task has. Without a matching series it has succeeded at once.
   */
  async startRun({ runId, job, scheduledFor, startedAt, taskSeries }: NewRun, manager: EntityManager) {
    const { jobId } = job;
    await manager.insert(JobRunEntity, { runId, jobId, scheduledFor, startedAt, status: 'running' });
    await manager.query(
      `WITH matched AS (
         SELECT series_id, min(series_id) OVER (PARTITION BY item_id) AS item
         FROM series
         WHERE ($3::text[] IS NULL OR item_id = ANY ($3)) AND labels @> $4::jsonb
       ), numbered AS (
         SELECT series_id, item, row_number() OVER (ORDER BY item, series_id) - 1 AS place FROM matched
       ), placed AS (
         SELECT series_id, place, min(place) OVER (PARTITION BY item) AS first FROM numbered
       ), tasks AS (
         INSERT INTO job_tasks (run_id, series_ids)
         SELECT $1::uuid, array_agg(series_id ORDER BY series_id) FROM placed
         GROUP BY first / $2::int, (place - first) / $2::int ORDER BY 1, min(place)
       ), total AS (SELECT count(*)::int AS series FROM matched)
       UPDATE job_runs SET series_total = series,
         status = CASE WHEN series = 0 THEN 'succeeded' ELSE status END,
         finished_at = CASE WHEN series = 0 THEN started_at END
       FROM total WHERE run_id = $1`,
      [runId, taskSeries, job.selector.itemIds ?? null, JSON.stringify(job.selector.labels ?? {})],
    );
    return manager.findOneByOrFail(JobRunEntity, { runId });
  }

  /** Records a slot at which nothing was run. */
  async skipRun(
    run: Pick<JobRunEntity, 'runId' | 'jobId' | 'scheduledFor' | 'reason'>,
    at: Date,
    manager: EntityManager,
  ) {
    await manager.insert(JobRunEntity, { ...run, status: 'skipped', startedAt: at, finishedAt: at });
  }

  /** Forgets the oldest runs that ended. */
  async pruneRuns(jobId: string, manager: EntityManager): Promise<void> {
    for (const skipped of [true, false]) {
      await manager.query(
        `DELETE FROM job_runs WHERE job_id = $1 AND finished_at IS NOT NULL AND (status = 'skipped') = $2
           AND scheduled_for <= (SELECT scheduled_for FROM job_runs WHERE job_id = $1 AND (status = 'skipped') = $2
                                 ORDER BY scheduled_for DESC OFFSET ${KEPT_RUNS} LIMIT 1)`,
        [jobId, skipped],
      );
    }
  }
}
