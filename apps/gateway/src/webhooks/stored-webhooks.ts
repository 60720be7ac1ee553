import { randomBytes, randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { ENV, type Env } from '@app/config';
import { PlatformError } from '@app/observability';
import { withoutNul } from '@app/persistence';
import { DataSource } from 'typeorm';
import { urlProblem } from '../../../detector/src/webhooks/address-policy.js';
import type { NewWebhookView, WebhookRequest, WebhookView } from './webhook.schema.js';

interface WebhookRow {
  readonly webhook_id: string;
  readonly url: string;
  readonly item_ids: string[] | null;
  readonly created_at: Date;
  readonly pending: number;
  readonly delivered: number;
  readonly failed: number;
  readonly last_error: string | null;
}

/** An alert is written once for each webhook. */
const MOST_WEBHOOKS = 100;

/** Where alerts are posted to. */
@Injectable()
export class StoredWebhooks {
  constructor(
    private readonly dataSource: DataSource,
    @Inject(ENV) private readonly env: Pick<Env, 'WEBHOOK_ADDRESSES'>,
  ) {}

  /** @throws PlatformError INVALID_REQUEST for an address that webhooks may not go to, or where there are too many. */
  async create({ url, secret, item_ids }: WebhookRequest): Promise<NewWebhookView> {
    const problem = urlProblem(url, this.env.WEBHOOK_ADDRESSES);
    if (problem) throw new PlatformError('INVALID_REQUEST', `url: "${url}" ${problem}`, { url });
    const key = secret ?? randomBytes(24).toString('base64url');
    const rows = await this.dataSource.query<{ webhook_id: string; created_at: Date }[]>(
      `INSERT INTO webhooks (webhook_id, url, secret, item_ids)
       SELECT $1, $2, $3, $4 WHERE (SELECT count(*) FROM webhooks) < ${MOST_WEBHOOKS}
       RETURNING webhook_id, created_at`,
      [randomUUID(), new URL(url).href, withoutNul(key), item_ids?.map(withoutNul) ?? null],
    );
    const [row] = rows;
    if (!row) {
      throw new PlatformError('INVALID_REQUEST', `there are ${MOST_WEBHOOKS} webhooks already; delete one first`);
    }
    return {
      webhook_id: row.webhook_id,
      url: new URL(url).href,
      item_ids: item_ids ?? null,
      created_at: row.created_at.toISOString(),
      deliveries: { pending: 0, delivered: 0, failed: 0 },
      last_error: null,
      secret: key,
    };
  }

  async list(): Promise<WebhookView[]> {
    const rows = await this.dataSource.query<WebhookRow[]>(
      `SELECT w.webhook_id, w.url, w.item_ids, w.created_at, d.*
         FROM webhooks w
        CROSS JOIN LATERAL (
          SELECT count(*) FILTER (WHERE status = 'pending')::int AS pending,
                 count(*) FILTER (WHERE status = 'delivered')::int AS delivered,
                 count(*) FILTER (WHERE status = 'failed')::int AS failed,
                 (array_agg(last_error ORDER BY created_at DESC) FILTER (WHERE last_error IS NOT NULL))[1] AS last_error
            FROM webhook_deliveries WHERE webhook_id = w.webhook_id
        ) d
        ORDER BY w.created_at, w.webhook_id`,
    );
    return rows.map(({ created_at, pending, delivered, failed, ...row }) => ({
      ...row,
      created_at: created_at.toISOString(),
      deliveries: { pending, delivered, failed },
    }));
  }

  /** Items whose alerts it gets; null for all. @throws PlatformError NOT_FOUND. */
  async itemsOf(webhookId: string): Promise<readonly string[] | null> {
    const [row] = await this.dataSource.query<{ item_ids: string[] | null }[]>(
      `SELECT item_ids FROM webhooks WHERE webhook_id = $1`,
      [webhookId],
    );
    if (!row) throw notFound(webhookId);
    return row.item_ids;
  }

  /** Removes a webhook and its deliveries. @throws PlatformError NOT_FOUND. */
  async remove(webhookId: string): Promise<void> {
    const [, removed] = await this.dataSource.query<[unknown, number]>(`DELETE FROM webhooks WHERE webhook_id = $1`, [
      webhookId,
    ]);
    if (removed === 0) throw notFound(webhookId);
  }
}

function notFound(webhookId: string): PlatformError {
  return new PlatformError('NOT_FOUND', `there is no webhook ${webhookId}`, { webhookId });
}
