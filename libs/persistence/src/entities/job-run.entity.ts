import { Column, Entity, PrimaryColumn } from 'typeorm';

export type JobRunStatus = 'running' | 'succeeded' | 'partly-failed' | 'failed' | 'skipped';

/** A series that a run could not forecast, and why. */
export interface JobRunFailure {
  readonly itemId: string;
  readonly channel: string | null;
  readonly code: string;
  readonly message: string;
}

/** One run of a job; its counts grow while it runs. */
@Entity({ name: 'job_runs', synchronize: false })
export class JobRunEntity {
  @PrimaryColumn({ name: 'run_id', type: 'uuid' })
  runId: string;

  @Column({ name: 'job_id', type: 'uuid' })
  jobId: string;

  @Column({ name: 'scheduled_for', type: 'timestamptz' })
  scheduledFor: Date;

  @Column({ type: 'text' })
  status: JobRunStatus;

  @Column({ name: 'series_total', type: 'integer' })
  seriesTotal: number;

  @Column({ name: 'series_done', type: 'integer' })
  seriesDone: number;

  @Column({ name: 'series_failed', type: 'integer' })
  seriesFailed: number;

  /** The first 100. */
  @Column({ type: 'jsonb' })
  failures: JobRunFailure[];

  /** Why it was skipped. */
  @Column({ type: 'text', nullable: true })
  reason: string | null;

  @Column({ name: 'started_at', type: 'timestamptz' })
  startedAt: Date;

  @Column({ name: 'finished_at', type: 'timestamptz', nullable: true })
  finishedAt: Date | null;
}
