import { Column, Entity, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';

import { SeriesEntity } from './series.entity.js';

/** One stored forecast; never updated. */
@Entity({ name: 'forecasts', synchronize: false })
export class ForecastEntity {
  @PrimaryColumn({ name: 'forecast_id', type: 'uuid' })
  forecastId: string;

  @Column({ name: 'series_id', type: 'integer' })
  seriesId: number;

  @ManyToOne(() => SeriesEntity)
  @JoinColumn({ name: 'series_id', foreignKeyConstraintName: 'fk_forecasts_series' })
  series?: SeriesEntity;

  /** The scheduled run that made it, if one did. */
  @Column({ name: 'run_id', type: 'uuid', nullable: true })
  runId: string | null;

  @Column({ name: 'issued_at', type: 'timestamptz' })
  issuedAt: Date;

  @Column({ type: 'timestamptz' })
  cutoff: Date;

  @Column({ type: 'text' })
  freq: string;

  @Column({ name: 'time_zone', type: 'text' })
  timeZone: string;

  @Column({ type: 'integer' })
  horizon: number;

  @Column({ type: 'text' })
  model: string;

  @Column({ name: 'model_sha256', type: 'text', nullable: true })
  modelSha256: string | null;

  @Column({ type: 'text' })
  provider: string;

  @Column({ type: 'double precision', array: true })
  levels: number[];

  /** horizon values, in the units of the series. */
  @Column({ type: 'double precision', array: true })
  mean: number[];

  /** horizon × levels values, row-major. */
  @Column({ type: 'double precision', array: true })
  quantiles: number[];

  @Column({ type: 'text' })
  status: string;

  @Column({ type: 'jsonb' })
  parts: Record<string, unknown>;

  @Column({ type: 'text', nullable: true })
  traceparent: string | null;
}
