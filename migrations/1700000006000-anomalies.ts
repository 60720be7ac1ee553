import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateAnomalies1700000006000 implements MigrationInterface {
  readonly name = 'CreateAnomalies1700000006000';

  async up(runner: QueryRunner): Promise<void> {
    await createAnomalies(runner);
    await createStates(runner);
    await createWebhooks(runner);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP VIEW anomaly_events`);
    for (const table of [
      'webhook_deliveries',
      'webhooks',
      'detector_inputs',
      'detector_states',
      'anomaly_labels',
      'anomalies',
    ])
      await runner.query(`DROP TABLE ${table}`);
  }
}

async function createAnomalies(runner: QueryRunner): Promise<void> {
  await runner.query(`
    CREATE TABLE anomalies (
      anomaly_id    uuid NOT NULL,
      item_id       text NOT NULL,
      channel       text,
      ts            timestamptz NOT NULL,
      value         double precision,
      expected      double precision,
      score         double precision NOT NULL,
      grade         double precision NOT NULL,
      severity      double precision NOT NULL,
      confidence    double precision NOT NULL,
      event_from    timestamptz NOT NULL,
      rule          text NOT NULL,
      alert         boolean NOT NULL,
      suppressed_by text,
      explanation   jsonb NOT NULL,
      label         text,
      labelled_at   timestamptz,
      detected_at   timestamptz NOT NULL,
      CONSTRAINT pk_anomalies PRIMARY KEY (anomaly_id),
      CONSTRAINT ck_anomalies_label CHECK (label IN ('true-positive', 'false-positive'))
    )`);
  await runner.query(`CREATE INDEX ix_anomalies_item_ts ON anomalies (item_id, ts DESC, anomaly_id)`);
  await runner.query(`CREATE INDEX ix_anomalies_ts ON anomalies (ts DESC, anomaly_id)`);
  await runner.query(
    `COMMENT ON COLUMN anomalies.channel IS 'null where the channels of the item were judged together'`,
  );
  await runner.query(`COMMENT ON COLUMN anomalies.event_from IS 'first point of the event that this one is part of'`);
  await runner.query(
    `COMMENT ON COLUMN anomalies.alert IS 'whether somebody was told: once an event, within the budget'`,
  );
  await runner.query(`COMMENT ON COLUMN anomalies.suppressed_by IS 'the rule that kept it from being told, or budget'`);
  await runner.query(`
    CREATE TABLE anomaly_labels (
      label_id       bigint GENERATED ALWAYS AS IDENTITY,
      anomaly_id     uuid NOT NULL,
      label          text NOT NULL,
      note           text,
      created_at     timestamptz NOT NULL DEFAULT now(),
      applied_at     timestamptz,
      applied_offset bigint,
      CONSTRAINT pk_anomaly_labels PRIMARY KEY (label_id),
      CONSTRAINT fk_anomaly_labels_anomaly FOREIGN KEY (anomaly_id) REFERENCES anomalies (anomaly_id) ON DELETE CASCADE,
      CONSTRAINT ck_anomaly_labels_label CHECK (label IN ('true-positive', 'false-positive'))
    )`);
  await runner.query(`CREATE INDEX ix_anomaly_labels_anomaly_id ON anomaly_labels (anomaly_id, label_id)`);
  await runner.query(`CREATE INDEX ix_anomaly_labels_waiting ON anomaly_labels (label_id) WHERE applied_at IS NULL`);
  await runner.query(
    `COMMENT ON COLUMN anomaly_labels.applied_offset IS 'records of the partition from here on are judged with it'`,
  );
  await runner.query(`
    CREATE VIEW anomaly_events AS
    SELECT item_id, event_from AS started_at, max(ts) AS ended_at,
           (array_agg(ts ORDER BY score DESC, ts))[1] AS peak_at, max(score) AS peak_score, max(grade) AS grade,
           max(confidence) AS confidence, count(*) AS points,
           array_remove(array_agg(DISTINCT channel), NULL) AS channels,
           bool_or(alert) AS alert,
           CASE WHEN NOT bool_or(alert) THEN min(suppressed_by) END AS suppressed_by,
           (array_agg(label ORDER BY labelled_at DESC NULLS LAST))[1] AS label,
           (array_agg(anomaly_id ORDER BY score DESC, ts))[1] AS anomaly_id
    FROM anomalies
    GROUP BY item_id, event_from`);
}

// A snapshot every so many points, and the points since: written together they are the state after the offset beside
// them, at the price of a few bytes a point.
async function createStates(runner: QueryRunner): Promise<void> {
  const place = `
      consumer_group text NOT NULL,
      topic          text NOT NULL,
      partition      integer NOT NULL,`;
  await runner.query(`
    CREATE TABLE detector_states (
      item_id        text NOT NULL,
      detector       text NOT NULL,${place}
      snapshot       bytea NOT NULL,
      updated_at     timestamptz NOT NULL DEFAULT now(),
      CONSTRAINT pk_detector_states PRIMARY KEY (item_id, detector, consumer_group, topic, partition)
    )`);
  // Ranks and windows hardly compress, and trying takes longer than writing.
  await runner.query(`ALTER TABLE detector_states ALTER COLUMN snapshot SET STORAGE EXTERNAL`);
  await runner.query(`
    CREATE TABLE detector_inputs (
      item_id        text NOT NULL,${place}
      "offset"       bigint NOT NULL,
      points         text NOT NULL,
      CONSTRAINT pk_detector_inputs PRIMARY KEY (item_id, consumer_group, topic, partition, "offset")
    )`);
  await runner.query(`COMMENT ON TABLE detector_inputs IS 'what an item was shown since its snapshot, in order'`);
}

async function createWebhooks(runner: QueryRunner): Promise<void> {
  await runner.query(`
    CREATE TABLE webhooks (
      webhook_id uuid NOT NULL,
      url        text NOT NULL,
      secret     text NOT NULL,
      item_ids   text[],
      created_at timestamptz NOT NULL DEFAULT now(),
      CONSTRAINT pk_webhooks PRIMARY KEY (webhook_id)
    )`);
  await runner.query(`COMMENT ON COLUMN webhooks.item_ids IS 'only alerts of these items; null for all'`);
  await runner.query(`
    CREATE TABLE webhook_deliveries (
      delivery_id     uuid NOT NULL DEFAULT gen_random_uuid(),
      webhook_id      uuid NOT NULL,
      anomaly_id      uuid NOT NULL,
      body            text NOT NULL,
      status          text NOT NULL DEFAULT 'pending',
      attempts        integer NOT NULL DEFAULT 0,
      next_attempt_at timestamptz NOT NULL DEFAULT now(),
      last_error      text,
      created_at      timestamptz NOT NULL DEFAULT now(),
      finished_at     timestamptz,
      CONSTRAINT pk_webhook_deliveries PRIMARY KEY (delivery_id),
      CONSTRAINT uq_webhook_deliveries_anomaly UNIQUE (webhook_id, anomaly_id),
      CONSTRAINT fk_webhook_deliveries_webhook FOREIGN KEY (webhook_id) REFERENCES webhooks (webhook_id) ON DELETE CASCADE,
      CONSTRAINT ck_webhook_deliveries_status CHECK (status IN ('pending', 'delivered', 'failed'))
    )`);
  await runner.query(
    `CREATE INDEX ix_webhook_deliveries_due ON webhook_deliveries (next_attempt_at) WHERE status = 'pending'`,
  );
}
