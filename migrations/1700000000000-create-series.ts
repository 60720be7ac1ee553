import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateSeries1700000000000 implements MigrationInterface {
  readonly name = 'CreateSeries1700000000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE series (
        series_id   integer GENERATED ALWAYS AS IDENTITY,
        item_id     text NOT NULL,
        channel     text NOT NULL,
        labels      jsonb NOT NULL DEFAULT '{}',
        freq        text,
        freq_declared boolean NOT NULL DEFAULT false,
        season      integer,
        season_declared boolean NOT NULL DEFAULT false,
        time_zone   text NOT NULL DEFAULT 'UTC',
        unit        text,
        traceparent text,
        created_at  timestamptz NOT NULL DEFAULT now(),
        updated_at  timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT pk_series PRIMARY KEY (series_id),
        CONSTRAINT uq_series_item_channel UNIQUE (item_id, channel)
      )`);
    await runner.query(`CREATE INDEX ix_series_labels ON series USING gin (labels jsonb_path_ops)`);
    await runner.query(`COMMENT ON COLUMN series.freq IS 'ISO-8601 duration between points; null until known'`);
    await runner.query(`COMMENT ON COLUMN series.season IS 'points in the main season; 1 for none; null until known'`);
    await runner.query(`COMMENT ON COLUMN series.time_zone IS 'IANA zone in which days, weeks and months are counted'`);
    await runner.query(`COMMENT ON COLUMN series.traceparent IS 'trace of the record that brought the newest point'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE series`);
  }
}
