import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateJobs1700000004000 implements MigrationInterface {
  readonly name = 'CreateJobs1700000004000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE jobs (
        job_id      uuid NOT NULL,
        name        text NOT NULL,
        cron        text NOT NULL,
        time_zone   text NOT NULL DEFAULT 'UTC',
        selector    jsonb NOT NULL,
        horizon     integer NOT NULL,
        model       text NOT NULL,
        enabled     boolean NOT NULL DEFAULT true,
        next_run_at timestamptz NOT NULL,
        created_at  timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT pk_jobs PRIMARY KEY (job_id),
        CONSTRAINT uq_jobs_name UNIQUE (name)
      )`);
    await runner.query(`CREATE INDEX ix_jobs_next_run_at ON jobs (next_run_at) WHERE enabled`);
    await runner.query(`
      CREATE TABLE job_runs (
        run_id        uuid NOT NULL,
        job_id        uuid NOT NULL,
        scheduled_for timestamptz NOT NULL,
        status        text NOT NULL,
        series_total  integer NOT NULL DEFAULT 0,
        series_done   integer NOT NULL DEFAULT 0,
        series_failed integer NOT NULL DEFAULT 0,
        failures      jsonb NOT NULL DEFAULT '[]',
        reason        text,
        started_at    timestamptz NOT NULL,
        finished_at   timestamptz,
        CONSTRAINT pk_job_runs PRIMARY KEY (run_id),
        CONSTRAINT fk_job_runs_job FOREIGN KEY (job_id) REFERENCES jobs (job_id) ON DELETE CASCADE,
        CONSTRAINT uq_job_runs_slot UNIQUE (job_id, scheduled_for),
        CONSTRAINT ck_job_runs_status CHECK (status IN ('running', 'succeeded', 'partly-failed', 'failed', 'skipped'))
      )`);
    // A run of one job never overlaps another one of it.
    await runner.query(`CREATE UNIQUE INDEX uq_job_runs_running ON job_runs (job_id) WHERE status = 'running'`);
    await runner.query(`
      CREATE TABLE job_tasks (
        task_id    bigint GENERATED ALWAYS AS IDENTITY,
        run_id     uuid NOT NULL,
        series_ids integer[] NOT NULL,
        CONSTRAINT pk_job_tasks PRIMARY KEY (task_id),
        CONSTRAINT fk_job_tasks_run FOREIGN KEY (run_id) REFERENCES job_runs (run_id) ON DELETE CASCADE
      )`);
    await runner.query(`CREATE INDEX ix_job_tasks_run_id ON job_tasks (run_id)`);
    // Apart from the tasks, as a task under work is locked, and the count of attempts has to survive its roll-back.
    await runner.query(`
      CREATE TABLE job_task_attempts (
        task_id  bigint NOT NULL,
        run_id   uuid NOT NULL,
        attempts integer NOT NULL,
        retry_at timestamptz,
        code     text,
        message  text,
        CONSTRAINT pk_job_task_attempts PRIMARY KEY (task_id),
        CONSTRAINT fk_job_task_attempts_run FOREIGN KEY (run_id) REFERENCES job_runs (run_id) ON DELETE CASCADE
      )`);
    await runner.query(`CREATE INDEX ix_job_task_attempts_run_id ON job_task_attempts (run_id)`);
    await runner.query(
      `COMMENT ON COLUMN job_runs.failures IS 'the first 100 series that failed, with code and message'`,
    );
    await runner.query(`COMMENT ON COLUMN job_runs.reason IS 'why the run was skipped'`);
    await runner.query(
      `COMMENT ON TABLE job_tasks IS 'work left of a run: a task is deleted in the transaction of its forecasts'`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['job_task_attempts', 'job_tasks', 'job_runs', 'jobs'])
      await runner.query(`DROP TABLE ${table}`);
  }
}
