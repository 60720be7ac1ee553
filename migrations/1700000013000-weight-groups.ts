import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateWeightGroups1700000013000 implements MigrationInterface {
  readonly name = 'CreateWeightGroups1700000013000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE weight_groups (
        group_key text NOT NULL,
        fitted_at timestamptz NOT NULL DEFAULT '-infinity',
        CONSTRAINT pk_weight_groups PRIMARY KEY (group_key)
      )`);
    await runner.query(
      `COMMENT ON TABLE weight_groups IS 'groups of series whose weights are fitted together, and when they last were; the key is the spacing of their points'`,
    );
    await runner.query(`
      CREATE TABLE group_weights (
        group_key  text NOT NULL,
        version    integer NOT NULL,
        weights    jsonb NOT NULL,
        samples    integer NOT NULL,
        created_at timestamptz NOT NULL,
        CONSTRAINT pk_group_weights PRIMARY KEY (group_key, version)
      )`);
    await runner.query(
      `COMMENT ON TABLE group_weights IS 'what the weights of a series begin with, and are pulled to; every version is kept, the newest one serves'`,
    );
    await runner.query(`ALTER TABLE skill_reviews ADD COLUMN group_key text`);
    await runner.query(
      `CREATE INDEX ix_skill_reviews_group ON skill_reviews (group_key, reviewed_at DESC) WHERE group_key IS NOT NULL`,
    );
    // Old shadows are found by when they were stored, in the order in which they lie on the disk.
    await runner.query(`ALTER TABLE shadow_forecasts ADD COLUMN stored_at timestamptz NOT NULL DEFAULT now()`);
    await runner.query(`CREATE INDEX ix_shadow_forecasts_stored ON shadow_forecasts USING brin (stored_at)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE shadow_forecasts DROP COLUMN stored_at`);
    await runner.query(`DROP INDEX ix_skill_reviews_group`);
    await runner.query(`ALTER TABLE skill_reviews DROP COLUMN group_key`);
    await runner.query(`DROP TABLE group_weights`);
    await runner.query(`DROP TABLE weight_groups`);
  }
}
