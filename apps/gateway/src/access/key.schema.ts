import { SCOPES } from '@app/access';
import type { ApiKeyRow } from '@app/persistence';
import { z } from 'zod';
import { instant } from '../request-values.js';

const scopes = z.array(z.enum(SCOPES)).min(1).max(SCOPES.length);
const itemPrefixes = z.array(z.string().min(1).max(512)).min(1).max(100);

/** Body of `POST /keys`. */
export const keyRequest = z
  .strictObject({
    name: z.string().trim().min(1).max(200).describe('Whose it is; unique among the keys that work.'),
    scopes: scopes.describe('ingest: send observations. read: read and forecast. label: label anomalies. admin: all.'),
    item_prefixes: itemPrefixes
      .optional()
      .describe('Only for items whose id begins with one of these; for all items when absent.'),
    expires_at: instant.optional().describe('When it ends by itself; never when absent.'),
  })
  .meta({ examples: [{ name: 'grafana', scopes: ['read'], item_prefixes: ['pump-'] }] });
export type KeyRequest = z.output<typeof keyRequest>;

const keyView = z.object({
  key_id: z.string().describe('Public: the key begins with tdc_ and this.'),
  name: z.string(),
  scopes: z.array(z.string()),
  item_prefixes: z.array(z.string()).nullable(),
  created_at: z.string(),
  created_by: z.string(),
  expires_at: z.string().nullable(),
  revoked_at: z.string().nullable(),
  last_used_at: z.string().nullable().describe('To within half a minute.'),
});
export type KeyView = z.output<typeof keyView>;
const newKeyView = keyView.extend({ key: z.string().describe('The key itself: told this once, and kept nowhere.') });
export type NewKeyView = z.output<typeof newKeyView>;

const key: KeyView = {
  key_id: '4f0c9e2ab17d6835',
  name: 'grafana',
  scopes: ['read'],
  item_prefixes: ['pump-'],
  created_at: '2026-01-08T12:00:00.000Z',
  created_by: 'local',
  expires_at: null,
  revoked_at: null,
  last_used_at: '2026-01-08T12:30:00.000Z',
};
const once = 'tdc_4f0c9e2ab17d6835_k3V9w2c8yQm1Zs4uXb7nTe6rLa5hJd0fG9pC2vB7xN4';
export const newKeyExample = newKeyView.meta({ examples: [{ ...key, last_used_at: null, key: once }] });
export const keyList = z.object({ keys: z.array(keyView) }).meta({ examples: [{ keys: [key] }] });

/** The id of a key in a path. */
export const keyId = z.string().regex(/^[0-9a-f]{16}$/, 'must be the id of a key, such as 4f0c9e2ab17d6835');

/** A key as clients see it. */
export function viewKey(row: ApiKeyRow): KeyView {
  return {
    key_id: row.keyId,
    name: row.name,
    scopes: [...row.scopes],
    item_prefixes: row.itemPrefixes && [...row.itemPrefixes],
    created_at: row.createdAt.toISOString(),
    created_by: row.createdBy,
    expires_at: row.expiresAt?.toISOString() ?? null,
    revoked_at: row.revokedAt?.toISOString() ?? null,
    last_used_at: row.lastUsedAt?.toISOString() ?? null,
  };
}
