import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Sums that every score is a ratio of. */
const SUMS = [
  'loss',
  'abs_actual',
  'inside_80',
  'inside_95',
  'width_80',
  'width_95',
  'abs_error',
  'scaled_error',
  'scaled_points',
];

export class CreateScores1700000007000 implements MigrationInterface {
  readonly name = 'CreateScores1700000007000';

  async up(runner: QueryRunner): Promise<void> {
    await this.createQueue(runner);
    await this.createScores(runner);
    await this.createSkill(runner);
    await runner.query(`
      CREATE VIEW forecast_scorecard AS
      SELECT s.item_id, s.channel, c.model, c.lead_bucket, c.day, c.points,
             c.loss / nullif(c.abs_actual, 0) AS wql,
             c.scaled_error / nullif(c.scaled_points, 0) AS mase,
             c.abs_error / c.points AS mae,
             c.inside_80 / c.points AS coverage_80,
             c.inside_95 / c.points AS coverage_95,
             c.width_80 / c.points AS width_80,
             c.width_95 / c.points AS width_95
      FROM scores c
      JOIN series s USING (series_id)
      WHERE c.points > 0`);
  }

  /** What has arrived and is not scored yet, and what is needed to find the forecasts that covered it. */
  private async createQueue(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE score_tasks (
        task_id    bigint GENERATED ALWAYS AS IDENTITY,
        series_ids integer[] NOT NULL,
        ts         timestamptz[] NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT pk_score_tasks PRIMARY KEY (task_id)
      )`);
    await runner.query(
      `COMMENT ON TABLE score_tasks IS 'points that arrived or changed on series with forecasts; deleted in the transaction that scores them'`,
    );
    // The transaction that stored a forecast tells which points were scored with it: what was visible then.
    await runner.query(
      `ALTER TABLE forecasts ADD COLUMN stored_in xid8 NOT NULL DEFAULT pg_current_xact_id(), ADD COLUMN naive_error double precision`,
    );
    await runner.query(
      `COMMENT ON COLUMN forecasts.naive_error IS 'mean absolute error of seasonal naive inside the context: the denominator of MASE'`,
    );
    await runner.query(`
      CREATE TABLE forecast_spans (
        series_id integer NOT NULL,
        span      interval NOT NULL,
        CONSTRAINT pk_forecast_spans PRIMARY KEY (series_id)
      )`);
    await runner.query(`COMMENT ON TABLE forecast_spans IS 'how far the longest forecast of a series reaches'`);
    await runner.query(`
      CREATE TABLE shadow_forecasts (
        forecast_id  uuid NOT NULL,
        model        text NOT NULL,
        model_sha256 text,
        quantiles    double precision[] NOT NULL,
        CONSTRAINT pk_shadow_forecasts PRIMARY KEY (forecast_id, model),
        CONSTRAINT fk_shadow_forecasts_forecast FOREIGN KEY (forecast_id) REFERENCES forecasts (forecast_id) ON DELETE CASCADE
      )`);
    await runner.query(`ALTER TABLE shadow_forecasts ALTER COLUMN quantiles SET STORAGE EXTERNAL`);
    await runner.query(
      `COMMENT ON TABLE shadow_forecasts IS 'what the models behind a forecast said, to be scored like it; step by level as there'`,
    );
  }

  private async createScores(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE scored_points (
        series_id integer NOT NULL,
        ts        timestamptz NOT NULL,
        value     double precision NOT NULL,
        known_at  timestamptz NOT NULL,
        seen      pg_snapshot NOT NULL,
        CONSTRAINT pk_scored_points PRIMARY KEY (series_id, ts)
      )`);
    await runner.query(
      `COMMENT ON TABLE scored_points IS 'the value that each point was last scored with, and which forecasts there were then'`,
    );
    await runner.query(`
      CREATE TABLE scores (
        series_id   integer NOT NULL,
        model       text NOT NULL,
        lead_bucket integer NOT NULL,
        day         date NOT NULL,
        points      bigint NOT NULL,
        ${SUMS.map((sum) => `${sum} double precision NOT NULL`).join(',\n        ')},
        pinball     double precision[] NOT NULL,
        CONSTRAINT pk_scores PRIMARY KEY (series_id, model, lead_bucket, day)
      )`);
    await runner.query(`CREATE INDEX ix_scores_day ON scores (day)`);
    await runner.query(
      `COMMENT ON COLUMN scores.lead_bucket IS 'first step of the bucket: 1, 2–3, 4–7, 8–15, …; day is that of the actual, UTC'`,
    );
    await runner.query(
      `COMMENT ON COLUMN scores.loss IS 'sum of 2 · pinball, mean over the levels .1 – .9; pinball holds the sum at each canonical level'`,
    );
  }

  /** What was learnt from the scores; every version is kept, the newest one serves. */
  private async createSkill(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE aggregation_weights (
        series_id  integer NOT NULL,
        version    integer NOT NULL,
        weights    jsonb NOT NULL,
        samples    integer NOT NULL,
        created_at timestamptz NOT NULL,
        CONSTRAINT pk_aggregation_weights PRIMARY KEY (series_id, version)
      )`);
    await runner.query(`
      CREATE TABLE calibrations (
        series_id    integer NOT NULL,
        version      integer NOT NULL,
        buckets      jsonb NOT NULL,
        created_at   timestamptz NOT NULL,
        CONSTRAINT pk_calibrations PRIMARY KEY (series_id, version)
      )`);
    await runner.query(
      `COMMENT ON COLUMN calibrations.buckets IS 'by first step of the lead bucket: scores that it rests on, and an offset for each pair of levels'`,
    );
    await runner.query(`
      CREATE TABLE champions (
        series_id  integer NOT NULL,
        version    integer NOT NULL,
        champion   text NOT NULL,
        replaced   text NOT NULL,
        reason     text NOT NULL,
        decided_at timestamptz NOT NULL,
        CONSTRAINT pk_champions PRIMARY KEY (series_id, version)
      )`);
    await runner.query(
      `COMMENT ON TABLE champions IS 'what is served on a series, and why: every change is a row, the newest one holds'`,
    );
    await runner.query(`
      CREATE TABLE skill_reviews (
        series_id   integer NOT NULL,
        points      integer NOT NULL DEFAULT 0,
        reviewed_at timestamptz,
        CONSTRAINT pk_skill_reviews PRIMARY KEY (series_id)
      )`);
    await runner.query(`CREATE INDEX ix_skill_reviews_points ON skill_reviews (points DESC)`);
    await runner.query(
      `COMMENT ON TABLE skill_reviews IS 'points scored since weights, calibration and champion of a series were last looked at'`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP VIEW forecast_scorecard`);
    const tables = ['skill_reviews', 'champions', 'calibrations', 'aggregation_weights', 'scores', 'scored_points'];
    for (const table of [...tables, 'shadow_forecasts', 'forecast_spans', 'score_tasks']) {
      await runner.query(`DROP TABLE ${table}`);
    }
    await runner.query(`ALTER TABLE forecasts DROP COLUMN naive_error, DROP COLUMN stored_in`);
  }
}
