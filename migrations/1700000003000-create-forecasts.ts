import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateForecasts1700000003000 implements MigrationInterface {
  readonly name = 'CreateForecasts1700000003000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE forecasts (
        forecast_id  uuid NOT NULL,
        series_id    integer NOT NULL,
        run_id       uuid,
        issued_at    timestamptz NOT NULL,
        cutoff       timestamptz NOT NULL,
        freq         text NOT NULL,
        time_zone    text NOT NULL,
        horizon      integer NOT NULL,
        model        text NOT NULL,
        model_sha256 text,
        provider     text NOT NULL,
        levels       double precision[] NOT NULL,
        mean         double precision[] NOT NULL,
        quantiles    double precision[] NOT NULL,
        status       text NOT NULL,
        parts        jsonb NOT NULL DEFAULT '{}',
        traceparent  text,
        CONSTRAINT pk_forecasts PRIMARY KEY (forecast_id),
        CONSTRAINT fk_forecasts_series FOREIGN KEY (series_id) REFERENCES series (series_id),
        CONSTRAINT ck_forecasts_mean CHECK (cardinality(mean) = horizon),
        CONSTRAINT ck_forecasts_quantiles CHECK (cardinality(quantiles) = horizon * cardinality(levels))
      )`);
    // Doubles hardly shrink; trying to costs more than storing them.
    await runner.query(
      `ALTER TABLE forecasts ALTER COLUMN mean SET STORAGE EXTERNAL, ALTER COLUMN quantiles SET STORAGE EXTERNAL`,
    );
    await runner.query(`CREATE INDEX ix_forecasts_series_cutoff ON forecasts (series_id, cutoff DESC, issued_at DESC)`);
    await runner.query(`COMMENT ON COLUMN forecasts.quantiles IS 'row-major, step by level'`);
    await runner.query(`COMMENT ON COLUMN forecasts.cutoff IS 'last time of the context; step 1 is one freq later'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE forecasts`);
  }
}
