import type { DataSource, EntityManager } from 'typeorm';

import { textArray } from '../pg-arrays.js';

/** An alert on its way to the webhooks that want it. */
export interface AlertBody {
  readonly anomalyId: string;
  readonly itemId: string;
  readonly body: string;
}

/** A delivery that this process sends now. */
export interface ClaimedDelivery {
  readonly deliveryId: string;
  readonly url: string;
  readonly secret: string;
  readonly body: string;
  /** This one included. */
  readonly attempts: number;
}

/** Deliveries of alerts to webhooks: made in the transaction of the alert, sent outside of any. */
export class WebhookDeliveryRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** Makes a delivery of each alert for each webhook that wants it; one that is there already stays as it is. */
  async enqueue(manager: EntityManager, alerts: readonly AlertBody[]): Promise<void> {
    if (alerts.length === 0) return;
    await manager.query(
      `INSERT INTO webhook_deliveries (webhook_id, anomaly_id, body)
       SELECT w.webhook_id, a.anomaly_id::uuid, a.body
         FROM unnest($1::text[], $2::text[], $3::text[]) AS a (anomaly_id, item_id, body)
         JOIN webhooks w ON w.item_ids IS NULL OR a.item_id = ANY (w.item_ids)
       ON CONFLICT ON CONSTRAINT uq_webhook_deliveries_anomaly DO NOTHING`,
      [
        textArray(alerts.map(({ anomalyId }) => anomalyId)),
        textArray(alerts.map(({ itemId }) => itemId)),
        textArray(alerts.map(({ body }) => body)),
      ],
    );
  }

  /**
   * Claims deliveries that are due, for `leaseMs`: when this process dies with them, another one sends them after that,
   * with the same id.
   */
  async claim(limit: number, leaseMs: number): Promise<ClaimedDelivery[]> {
    const [rows] = await this.dataSource.query<[ClaimedDelivery[], number]>(
      `WITH due AS (
         SELECT delivery_id FROM webhook_deliveries
          WHERE status = 'pending' AND next_attempt_at <= now()
          ORDER BY next_attempt_at LIMIT $1
            FOR UPDATE SKIP LOCKED
       )
       UPDATE webhook_deliveries d
          SET attempts = attempts + 1, next_attempt_at = now() + $2 * interval '1 millisecond'
         FROM due, webhooks w
        WHERE d.delivery_id = due.delivery_id AND w.webhook_id = d.webhook_id
       RETURNING d.delivery_id AS "deliveryId", w.url, w.secret, d.body, d.attempts`,
      [limit, leaseMs],
    );
    return rows;
  }

  /** The receiver has it. */
  async delivered(deliveryId: string): Promise<void> {
    await this.dataSource.query(
      `UPDATE webhook_deliveries SET status = 'delivered', finished_at = now(), last_error = NULL
        WHERE delivery_id = $1 AND status = 'pending'`,
      [deliveryId],
    );
  }

  /** It was not taken: again in `retryInMs`, or never where that is undefined. */
  async refused(deliveryId: string, error: string, retryInMs: number | undefined): Promise<void> {
    await this.dataSource.query(
      `UPDATE webhook_deliveries
          SET last_error = $2, status = CASE WHEN $3::float8 IS NULL THEN 'failed' ELSE 'pending' END,
              finished_at = CASE WHEN $3::float8 IS NULL THEN now() END,
              next_attempt_at = now() + coalesce($3::float8, 0) * interval '1 millisecond'
        WHERE delivery_id = $1 AND status = 'pending'`,
      [deliveryId, error, retryInMs ?? null],
    );
  }
}
