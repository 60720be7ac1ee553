import { Column, CreateDateColumn, Entity, Index, PrimaryColumn, UpdateDateColumn } from 'typeorm';

/** One channel of one item. */
@Entity({ name: 'series', synchronize: false })
@Index('uq_series_item_channel', ['itemId', 'channel'], { unique: true })
export class SeriesEntity {
  @PrimaryColumn({ name: 'series_id', type: 'integer' })
  seriesId: number;

  @Column({ name: 'item_id', type: 'text' })
  itemId: string;

  @Column({ type: 'text' })
  channel: string;

  @Column({ type: 'jsonb' })
  labels: Record<string, string>;

  /** ISO-8601 duration; null until it is known. */
  @Column({ type: 'text', nullable: true })
  freq: string | null;

  @Column({ name: 'freq_declared', type: 'boolean' })
  freqDeclared: boolean;

  /** Points in the main season; 1 for none; null until it is known. */
  @Column({ type: 'integer', nullable: true })
  season: number | null;

  @Column({ name: 'season_declared', type: 'boolean' })
  seasonDeclared: boolean;

  @Column({ name: 'time_zone', type: 'text' })
  timeZone: string;

  @Column({ type: 'text', nullable: true })
  unit: string | null;

  @Column({ type: 'text', nullable: true })
  traceparent: string | null;

  @CreateDateColumn({ name: 'created_at', type: 'timestamptz' })
  createdAt: Date;

  @UpdateDateColumn({ name: 'updated_at', type: 'timestamptz' })
  updatedAt: Date;
}
