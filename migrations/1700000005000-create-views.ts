import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Columns q025 … q975 of the canonical levels, which every stored forecast has. */
const CANONICAL = [0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975];
const column = (level: number) => `q${level.toFixed(3).slice(2)}`;
const quantile = (level: number) => `v.quantiles[(step - 1) * v.width + ${CANONICAL.indexOf(level) + 1}]`;

/**
 * The arrays of one forecast, read from storage once: a subscript on a stored array would fetch and unpack all of it for
 * every cell. Appending an empty array does the unpacking, OFFSET 0 keeps the planner from doing it again for each step.
 */
const STEPS = `
      CROSS JOIN LATERAL (
        SELECT f.mean || '{}'::double precision[] AS mean, f.quantiles || '{}'::double precision[] AS quantiles,
               cardinality(f.levels) AS width, f.horizon AS horizon
        OFFSET 0
      ) v
      CROSS JOIN LATERAL generate_series(1, v.horizon) AS step`;

// A fixed time is added to the instant; days and months are counted on the wall clock of the series. Of the two instants
// that a clock shows twice in autumn the one with the cutoff's offset is meant, as in libs/series: Postgres alone would
// take the later one. One expression without subqueries, so that the planner inlines the function.
const WALL = `(cutoff AT TIME ZONE time_zone + step * freq::interval)`;
const OFFSET = `(cutoff AT TIME ZONE time_zone - cutoff AT TIME ZONE 'UTC')`;
const SAME_OFFSET = `((${WALL} - ${OFFSET}) AT TIME ZONE 'UTC')`;

const STEP_TS = `forecast_step_ts(f.cutoff, step, f.freq, f.time_zone)`;

export class CreateViews1700000005000 implements MigrationInterface {
  readonly name = 'CreateViews1700000005000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE FUNCTION forecast_step_ts(cutoff timestamptz, step integer, freq text, time_zone text) RETURNS timestamptz
      LANGUAGE sql STABLE PARALLEL SAFE
      RETURN CASE
        WHEN freq LIKE 'PT%' THEN cutoff + step * freq::interval
        WHEN ${SAME_OFFSET} AT TIME ZONE time_zone = ${WALL} THEN ${SAME_OFFSET}
        ELSE ${WALL} AT TIME ZONE time_zone
      END`);
    await runner.query(`
      CREATE VIEW forecast_points AS
      SELECT s.item_id, s.channel, f.model, f.issued_at, f.cutoff, ${STEP_TS} AS ts, step, v.mean[step] AS mean,
             ${CANONICAL.map((level) => `${quantile(level)} AS ${column(level)}`).join(',\n             ')}
      FROM forecasts f
      JOIN series s USING (series_id)${STEPS}`);
    await runner.query(`
      CREATE VIEW forecast_latest AS
      SELECT s.item_id, s.channel, f.model, f.issued_at, f.cutoff, ${STEP_TS} AS ts, step,
             v.mean[step] AS yhat,
             ${quantile(0.1)} AS yhat_lower_80, ${quantile(0.9)} AS yhat_upper_80,
             ${quantile(0.025)} AS yhat_lower_95, ${quantile(0.975)} AS yhat_upper_95
      FROM series s
      CROSS JOIN LATERAL (
        SELECT * FROM forecasts WHERE series_id = s.series_id ORDER BY cutoff DESC, issued_at DESC LIMIT 1
      ) f${STEPS}`);
    await runner.query(`
      CREATE VIEW observation_points AS
      SELECT s.item_id, s.channel, o.ts, o.value, o.known_at,
             o.flags & 1 <> 0 AS imputed, o.flags & 2 <> 0 AS late, o.flags & 4 <> 0 AS revised
      FROM observations o
      JOIN series s USING (series_id)`);
    // Rows become known in the order in which they lie on disk, so that a BRIN finds "the last hour" in a few pages of
    // any partition, and costs a writer next to nothing.
    await runner.query(
      `CREATE INDEX ix_observations_known_at ON observations USING brin (known_at) WITH (autosummarize = on)`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP INDEX ix_observations_known_at`);
    for (const view of ['observation_points', 'forecast_latest', 'forecast_points']) {
      await runner.query(`DROP VIEW ${view}`);
    }
    await runner.query(`DROP FUNCTION forecast_step_ts`);
  }
}
