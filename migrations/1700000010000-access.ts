import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateAccess1700000010000 implements MigrationInterface {
  readonly name = 'CreateAccess1700000010000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE api_keys (
        key_id        text NOT NULL,
        name          text NOT NULL,
        hash          bytea NOT NULL,
        scopes        text[] NOT NULL,
        item_prefixes text[],
        created_at    timestamptz NOT NULL DEFAULT now(),
        created_by    text NOT NULL,
        expires_at    timestamptz,
        revoked_at    timestamptz,
        last_used_at  timestamptz,
        CONSTRAINT pk_api_keys PRIMARY KEY (key_id),
        CONSTRAINT ck_api_keys_scopes CHECK (scopes <> '{}' AND scopes <@ '{ingest,read,label,admin,internal}'),
        CONSTRAINT ck_api_keys_hash CHECK (octet_length(hash) = 32)
      )`);
    await runner.query(
      `COMMENT ON COLUMN api_keys.hash IS 'SHA-256 of the key, whose secret half is 256 random bits; the key itself is kept nowhere'`,
    );
    await runner.query(
      `COMMENT ON COLUMN api_keys.item_prefixes IS 'begins of the ids of the items that the key is for; null for all items'`,
    );
    await runner.query(`
      CREATE UNIQUE INDEX uq_api_keys_name ON api_keys (name)
        WHERE revoked_at IS NULL AND scopes <> '{internal}'`);
    await runner.query(`
      CREATE TABLE audit_events (
        event_id    bigint GENERATED ALWAYS AS IDENTITY,
        at          timestamptz NOT NULL DEFAULT now(),
        caller      text NOT NULL,
        key_id      text,
        name        text NOT NULL,
        address     text NOT NULL,
        action      text NOT NULL,
        target      text NOT NULL,
        details     jsonb NOT NULL DEFAULT '{}',
        outcome     text,
        trace_id    text,
        CONSTRAINT pk_audit_events PRIMARY KEY (event_id),
        CONSTRAINT ck_audit_events_caller CHECK (caller IN ('key', 'local', 'role', 'command'))
      )`);
    await runner.query(
      `COMMENT ON TABLE audit_events IS 'who changed what, when and from where: a row before it is done, and its outcome after it; without an outcome nobody knows'`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['audit_events', 'api_keys']) await runner.query(`DROP TABLE ${table}`);
  }
}
