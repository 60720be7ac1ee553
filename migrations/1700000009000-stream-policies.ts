import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateStreamPolicies1700000009000 implements MigrationInterface {
  readonly name = 'CreateStreamPolicies1700000009000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE stream_policies (
        policy_id     uuid NOT NULL,
        name          text NOT NULL,
        selector      jsonb NOT NULL,
        horizon       integer NOT NULL,
        model         text NOT NULL,
        every_points  integer,
        align         text,
        at_most_every text,
        enabled       boolean NOT NULL DEFAULT true,
        created_at    timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT pk_stream_policies PRIMARY KEY (policy_id),
        CONSTRAINT uq_stream_policies_name UNIQUE (name),
        CONSTRAINT ck_stream_policies_trigger CHECK (every_points > 0 OR align IS NOT NULL)
      )`);
    await runner.query(
      `COMMENT ON TABLE stream_policies IS 'when arriving points make a forecast: each every_points of a series, or when its time passes a multiple of align'`,
    );
    await runner.query(`
      CREATE TABLE stream_states (
        policy_id   uuid NOT NULL,
        series_id   integer NOT NULL,
        points      bigint NOT NULL DEFAULT 0,
        newest      timestamptz,
        pending     boolean NOT NULL DEFAULT false,
        forecast_at timestamptz,
        cutoff      timestamptz,
        CONSTRAINT pk_stream_states PRIMARY KEY (policy_id, series_id),
        CONSTRAINT fk_stream_states_policy FOREIGN KEY (policy_id) REFERENCES stream_policies (policy_id) ON DELETE CASCADE
      )`);
    await runner.query(
      `COMMENT ON COLUMN stream_states.cutoff IS 'of the newest forecast; only a later one is stored, so that each cutoff has one'`,
    );
    await runner.query(
      `COMMENT ON COLUMN stream_states.pending IS 'a forecast is due and waits until at_most_every has passed'`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['stream_states', 'stream_policies']) await runner.query(`DROP TABLE ${table}`);
  }
}
