import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateModels1700000008000 implements MigrationInterface {
  readonly name = 'CreateModels1700000008000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE models (
        model_event_id    bigint GENERATED ALWAYS AS IDENTITY,
        at                timestamptz NOT NULL DEFAULT now(),
        forecaster        text NOT NULL,
        name              text NOT NULL,
        state             text NOT NULL,
        version           text,
        sha256            text,
        provider          text,
        provider_fallback text,
        code              text,
        reason            text,
        CONSTRAINT pk_models PRIMARY KEY (model_event_id),
        CONSTRAINT ck_models_state CHECK (state IN ('ready', 'unloaded', 'refused', 'removed'))
      )`);
    await runner.query(`CREATE INDEX ix_models_name ON models (name, model_event_id DESC)`);
    await runner.query(
      `COMMENT ON TABLE models IS 'what became of model packages: the last row of a forecaster and a name is its state'`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE models`);
  }
}
