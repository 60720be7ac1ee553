import { z } from 'zod';

const MOST_ITEMS = 1_000;

/** The id of a webhook in a path. */
export const webhookId = z.guid('must be the id of a webhook, such as 7c9e6679-7425-40de-944b-e07fc1f90ae7');

/** Body of `POST /webhooks`. */
export const webhookRequest = z
  .strictObject({
    url: z.string().max(2_048).describe('Where alerts are posted to: http or https.'),
    secret: z
      .string()
      .min(16)
      .max(256)
      .optional()
      .describe('What deliveries are signed with; made up when absent, and told this once.'),
    item_ids: z.array(z.string().min(1)).min(1).max(MOST_ITEMS).optional().describe('Only alerts of these items.'),
  })
  .meta({ examples: [{ url: 'https://alerts.example.com/tidecast', item_ids: ['pump-7'] }] });
export type WebhookRequest = z.output<typeof webhookRequest>;

const webhookView = z.object({
  webhook_id: z.string(),
  url: z.string(),
  item_ids: z.array(z.string()).nullable(),
  created_at: z.string(),
  deliveries: z.object({ pending: z.int(), delivered: z.int(), failed: z.int() }),
  last_error: z.string().nullable().describe('Why the last attempt that failed did.'),
});
export type WebhookView = z.output<typeof webhookView>;
const newWebhook = webhookView.extend({ secret: z.string().describe('Told this once.') });
export type NewWebhookView = z.output<typeof newWebhook>;

const webhook: WebhookView = {
  webhook_id: '7c9e6679-7425-40de-944b-e07fc1f90ae7',
  url: 'https://alerts.example.com/tidecast',
  item_ids: ['pump-7'],
  created_at: '2026-01-08T12:00:00.000Z',
  deliveries: { pending: 0, delivered: 3, failed: 0 },
  last_error: null,
};
const none = { pending: 0, delivered: 0, failed: 0 };
export const newWebhookExample = newWebhook.meta({
  examples: [{ ...webhook, deliveries: none, secret: 'k3V9w2c8yQm1Zs4uXb7nTe6rLa5hJd0f' }],
});
export const webhookList = z.object({ webhooks: z.array(webhookView) }).meta({ examples: [{ webhooks: [webhook] }] });
