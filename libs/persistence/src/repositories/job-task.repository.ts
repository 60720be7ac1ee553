import type { DataSource, EntityManager } from 'typeorm';

import type { JobRunFailure, JobRunStatus } from '../entities/job-run.entity.js';

/** A claimed part of a run. */
export interface ClaimedTask {
  readonly taskId: string;
  readonly runId: string;
  readonly seriesIds: number[];
  readonly horizon: number;
  readonly model: string;
  /** Attempts before this one. */
  readonly attempts: number;
  /** How the last attempt failed; null when nobody lived to tell. */
  readonly code: string | null;
  readonly message: string | null;
}

/** Failures that a run keeps; its count has them all. */
const KEPT_FAILURES = 100;

/**
 * The work left of runs. A task is claimed, done and deleted in one transaction: whatever ends the worker gives the
 * task back, and no forecast of it was stored.
 */
export class JobTaskRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** The oldest task that nobody else works on, locked until the transaction ends; undefined when there is none. */
  async claim(now: Date, manager: EntityManager): Promise<ClaimedTask | undefined> {
    const [task] = await manager.query<ClaimedTask[]>(
      `SELECT task_id AS "taskId", t.run_id AS "runId", series_ids AS "seriesIds", horizon, model,
              coalesce(attempts, 0) AS attempts, code, message
       FROM job_tasks t
       JOIN job_runs USING (run_id)
       JOIN jobs USING (job_id)
       LEFT JOIN job_task_attempts USING (task_id)
       WHERE retry_at IS NULL OR retry_at <= $1
       ORDER BY task_id
       LIMIT 1
       FOR UPDATE OF t SKIP LOCKED`,
      [now],
    );
    return task;
  }

  /** Counts an attempt on a connection of its own: it stays counted when the attempt is rolled back or killed. */
  async beginAttempt({ taskId, runId, attempts }: ClaimedTask): Promise<void> {
    await this.dataSource.query(
      `INSERT INTO job_task_attempts (task_id, run_id, attempts) VALUES ($1, $2, $3)
       ON CONFLICT (task_id) DO UPDATE SET attempts = $3, retry_at = NULL, code = NULL, message = NULL`,
      [taskId, runId, attempts + 1],
    );
  }

  /** Takes an attempt back that ended through no fault of the task. */
  async forgetAttempt({ taskId, attempts }: ClaimedTask): Promise<void> {
    await this.dataSource.query(`UPDATE job_task_attempts SET attempts = $2 WHERE task_id = $1`, [taskId, attempts]);
  }

  /** Remembers why an attempt failed, and when to try again. */
  async failAttempt(
    { taskId }: ClaimedTask,
    failure: { attempts: number; code: string; message: string; retryAt: Date },
  ): Promise<void> {
    await this.dataSource.query(
      `UPDATE job_task_attempts SET attempts = $2, code = $3, message = $4, retry_at = $5 WHERE task_id = $1`,
      [taskId, failure.attempts, failure.code, failure.message, failure.retryAt],
    );
  }

  /**
   * Takes a task off its run and adds its outcome to the run's counts; the last one closes the run. The run is locked by
   * the last statement only, so that many workers wait for each other no longer than a commit takes.
   *
   * @returns the status of the run afterwards.
   */
  async finish(
    { taskId, runId, seriesIds }: ClaimedTask,
    failures: readonly JobRunFailure[],
    now: Date,
    manager: EntityManager,
  ): Promise<JobRunStatus> {
    await manager.query(`DELETE FROM job_task_attempts WHERE task_id = $1`, [taskId]);
    await manager.query(`DELETE FROM job_tasks WHERE task_id = $1`, [taskId]);
    const [[run]] = await manager.query<[[{ status: JobRunStatus }]]>(
      `UPDATE job_runs SET
         series_done = series_done + $2,
         series_failed = series_failed + $3,
         failures = jsonb_path_query_array(failures || $4::jsonb, '$[0 to ${KEPT_FAILURES - 1}]'),
         finished_at = CASE WHEN series_done + series_failed + $2 + $3 >= series_total THEN $5::timestamptz END,
         status = CASE WHEN series_done + series_failed + $2 + $3 < series_total THEN 'running'
                       WHEN series_failed + $3 = 0 THEN 'succeeded'
                       WHEN series_done + $2 = 0 THEN 'failed'
                       ELSE 'partly-failed' END
       WHERE run_id = $1
       RETURNING status`,
      [
        runId,
        seriesIds.length - failures.length,
        failures.length,
        JSON.stringify(failures.slice(0, KEPT_FAILURES)),
        now,
      ],
    );
    return run.status;
  }
}
