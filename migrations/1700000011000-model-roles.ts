import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateModelRoles1700000011000 implements MigrationInterface {
  readonly name = 'CreateModelRoles1700000011000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE model_roles (
        name     text NOT NULL,
        version  integer NOT NULL,
        at       timestamptz NOT NULL,
        role     text,
        model    text,
        selector jsonb,
        reason   text,
        CONSTRAINT pk_model_roles PRIMARY KEY (name, version),
        CONSTRAINT ck_model_roles_role CHECK (role IN ('champion', 'challenger', 'shadow')),
        CONSTRAINT ck_model_roles_whole CHECK (num_nulls(role, model, selector) IN (0, 3))
      )`);
    await runner.query(
      `COMMENT ON TABLE model_roles IS 'which model has which role on which series: every change is a row, the newest of a name holds; one without a role says that it was removed'`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE model_roles`);
  }
}
