import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateObservations1700000001000 implements MigrationInterface {
  readonly name = 'CreateObservations1700000001000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE observations (
        series_id integer NOT NULL,
        ts        timestamptz NOT NULL,
        value     double precision NOT NULL,
        flags     smallint NOT NULL DEFAULT 0,
        known_at  timestamptz NOT NULL,
        CONSTRAINT pk_observations PRIMARY KEY (series_id, ts)
      ) PARTITION BY RANGE (ts)`);
    await runner.query(`COMMENT ON COLUMN observations.flags IS 'bits: 1 imputed, 2 late, 4 revised'`);
    // Long histories are rare and small; a partition a month for them would be hundreds of empty tables.
    await runner.query(`
      CREATE TABLE observations_before_2000 PARTITION OF observations FOR VALUES FROM (MINVALUE) TO ('2000-01-01Z')`);
    // ATTACH takes a lock that readers and writers of the other partitions don't notice; CREATE … PARTITION OF would
    // stop them all.
    await runner.query(`
      CREATE FUNCTION ensure_observation_partitions(first_ts timestamptz, last_ts timestamptz) RETURNS integer
      LANGUAGE plpgsql AS $$
      DECLARE
        month   timestamp := date_trunc('month', greatest(first_ts, '2000-01-01Z') AT TIME ZONE 'UTC');
        final   timestamp := last_ts AT TIME ZONE 'UTC';
        part    text;
        made    integer := 0;
      BEGIN
        WHILE month <= final LOOP
          part := 'observations_' || to_char(month, '"y"YYYY"m"MM');
          IF to_regclass(part) IS NULL THEN
            -- The lock that ATTACH takes anyway. Unlike an advisory lock it also makes what others created visible.
            LOCK TABLE observations IN SHARE UPDATE EXCLUSIVE MODE;
            IF to_regclass(part) IS NULL THEN
              EXECUTE format('CREATE TABLE %I (LIKE observations INCLUDING ALL)', part);
              EXECUTE format('ALTER TABLE observations ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                part, month || 'Z', month + interval '1 month' || 'Z');
              made := made + 1;
            END IF;
          END IF;
          month := month + interval '1 month';
        END LOOP;
        RETURN made;
      END $$`);
    await runner.query(`
      CREATE TABLE observation_revisions (
        series_id   integer NOT NULL,
        ts          timestamptz NOT NULL,
        value       double precision NOT NULL,
        known_at    timestamptz NOT NULL,
        replaced_at timestamptz NOT NULL,
        revision_id bigint GENERATED ALWAYS AS IDENTITY,
        CONSTRAINT pk_observation_revisions PRIMARY KEY (series_id, ts, revision_id)
      )`);
    await runner.query(
      `COMMENT ON TABLE observation_revisions IS 'values that a later record replaced: valid in [known_at, replaced_at)'`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE observation_revisions`);
    await runner.query(`DROP FUNCTION ensure_observation_partitions`);
    await runner.query(`DROP TABLE observations`);
  }
}
