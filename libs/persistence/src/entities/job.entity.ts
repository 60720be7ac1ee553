import { Column, CreateDateColumn, Entity, PrimaryColumn } from 'typeorm';

/** Which series a job forecasts: those of the items named that carry all the labels; whatever is absent does not narrow. */
export interface SeriesSelector {
  readonly itemIds?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
}

/** A schedule of batch forecasts. */
@Entity({ name: 'jobs', synchronize: false })
export class JobEntity {
  @PrimaryColumn({ name: 'job_id', type: 'uuid' })
  jobId: string;

  @Column({ type: 'text' })
  name: string;

  /** Five or six fields, the first of six being seconds. */
  @Column({ type: 'text' })
  cron: string;

  @Column({ name: 'time_zone', type: 'text' })
  timeZone: string;

  @Column({ type: 'jsonb' })
  selector: SeriesSelector;

  @Column({ type: 'integer' })
  horizon: number;

  @Column({ type: 'text' })
  model: string;

  @Column({ type: 'boolean' })
  enabled: boolean;

  @Column({ name: 'next_run_at', type: 'timestamptz' })
  nextRunAt: Date;

  @CreateDateColumn({ name: 'created_at', type: 'timestamptz' })
  createdAt: Date;
}
