import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Columns q025 … q975 of the canonical levels, which every stored forecast has. */
const CANONICAL = [0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975];
const column = (level: number) => `q${level.toFixed(3).slice(2)}`;
const quantile = (level: number) =>
  `f.quantiles[(step - 1) * cardinality(f.levels) + array_position(f.levels, ${level}::double precision)]`;

// Calendar steps are counted in the zone of the series, so that neither the session's zone nor DST moves them.
const STEP_TS = `(((f.cutoff AT TIME ZONE f.time_zone) + step * f.freq::interval) AT TIME ZONE f.time_zone)`;

export class CreateViews1700000005000 implements MigrationInterface {
  readonly name = 'CreateViews1700000005000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE VIEW forecast_points AS
      SELECT s.item_id, s.channel, f.model, f.issued_at, f.cutoff, ${STEP_TS} AS ts, step, f.mean[step] AS mean,
             ${CANONICAL.map((level) => `${quantile(level)} AS ${column(level)}`).join(',\n             ')}
      FROM forecasts f
      JOIN series s USING (series_id)
      CROSS JOIN LATERAL generate_series(1, f.horizon) AS step`);
    await runner.query(`
      CREATE VIEW forecast_latest AS
      SELECT s.item_id, s.channel, f.model, f.issued_at, f.cutoff, ${STEP_TS} AS ts, step,
             f.mean[step] AS yhat,
             ${quantile(0.1)} AS yhat_lower_80, ${quantile(0.9)} AS yhat_upper_80,
             ${quantile(0.025)} AS yhat_lower_95, ${quantile(0.975)} AS yhat_upper_95
      FROM series s
      CROSS JOIN LATERAL (
        SELECT * FROM forecasts WHERE series_id = s.series_id ORDER BY cutoff DESC, issued_at DESC LIMIT 1
      ) f
      CROSS JOIN LATERAL generate_series(1, f.horizon) AS step`);
    await runner.query(`
      CREATE VIEW observation_points AS
      SELECT s.item_id, s.channel, o.ts, o.value, o.known_at,
             o.flags & 1 <> 0 AS imputed, o.flags & 2 <> 0 AS late, o.flags & 4 <> 0 AS revised
      FROM observations o
      JOIN series s USING (series_id)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const view of ['observation_points', 'forecast_latest', 'forecast_points']) {
      await runner.query(`DROP VIEW ${view}`);
    }
  }
}
