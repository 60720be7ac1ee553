import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateLog1700000002000 implements MigrationInterface {
  readonly name = 'CreateLog1700000002000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE stream_offsets (
        consumer_group text NOT NULL,
        topic          text NOT NULL,
        partition      integer NOT NULL,
        next_offset    bigint NOT NULL,
        updated_at     timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT pk_stream_offsets PRIMARY KEY (consumer_group, topic, partition)
      )`);
    await runner.query(`
      CREATE TABLE log_partitions (
        topic       text NOT NULL,
        partition   integer NOT NULL,
        next_offset bigint NOT NULL DEFAULT 0,
        CONSTRAINT pk_log_partitions PRIMARY KEY (topic, partition)
      )`);
    await runner.query(`
      CREATE TABLE log_records (
        topic       text NOT NULL,
        partition   integer NOT NULL,
        "offset"    bigint NOT NULL,
        key         text,
        value       bytea,
        headers     jsonb NOT NULL DEFAULT '{}',
        appended_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT pk_log_records PRIMARY KEY (topic, partition, "offset")
      )`);
    await runner.query(`
      CREATE TABLE outbox (
        id         bigint GENERATED ALWAYS AS IDENTITY,
        topic      text NOT NULL,
        key        text,
        value      bytea,
        headers    jsonb NOT NULL DEFAULT '{}',
        created_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT pk_outbox PRIMARY KEY (id)
      )`);
    await runner.query(`
      CREATE TABLE dead_letters (
        topic       text NOT NULL,
        partition   integer NOT NULL,
        "offset"    bigint NOT NULL,
        code        text NOT NULL,
        message     text NOT NULL,
        errors      jsonb NOT NULL DEFAULT '[]',
        key         text,
        value       bytea,
        headers     jsonb NOT NULL DEFAULT '{}',
        occurred_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT pk_dead_letters PRIMARY KEY (topic, partition, "offset")
      )`);
    await runner.query(`CREATE INDEX ix_dead_letters_occurred_at ON dead_letters (occurred_at DESC)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['dead_letters', 'outbox', 'log_records', 'log_partitions', 'stream_offsets']) {
      await runner.query(`DROP TABLE ${table}`);
    }
  }
}
