import { PlatformError } from '@app/observability';
import type { DataSource, EntityManager } from 'typeorm';
import { textArray, timestamptzArray, withoutNul } from '../pg-arrays.js';
import { isUniqueViolation } from '../unique-violation.js';

/** A key to be stored; the key itself is not. */
export interface NewApiKey {
  readonly keyId: string;
  readonly name: string;
  /** SHA-256 of the key. */
  readonly hash: Buffer;
  readonly scopes: readonly string[];
  /** Null for all items. */
  readonly itemPrefixes: readonly string[] | null;
  readonly createdBy: string;
  readonly expiresAt: Date | null;
}

/** What is known of a key. */
export interface ApiKeyRow {
  readonly keyId: string;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly itemPrefixes: readonly string[] | null;
  readonly createdAt: Date;
  readonly createdBy: string;
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
  readonly lastUsedAt: Date | null;
}

/** What a caller is checked against. */
export type ActiveApiKey = Pick<ApiKeyRow, 'keyId' | 'name' | 'scopes' | 'itemPrefixes' | 'expiresAt'> & {
  readonly hash: Buffer;
};

/** All of them are in the memory of every process. */
const MOST_KEYS = 10_000;
/** What roles make for each other is nobody's to list. */
const FOR_PEOPLE = `scopes <> '{internal}'`;
const COLUMNS = `key_id AS "keyId", name, scopes, item_prefixes AS "itemPrefixes", created_at AS "createdAt",
                 created_by AS "createdBy", expires_at AS "expiresAt", revoked_at AS "revokedAt",
                 last_used_at AS "lastUsedAt"`;

/** API keys, as hashes. */
export class ApiKeyRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** @throws PlatformError KEY_NAME_TAKEN, or INVALID_REQUEST where there are too many. */
  async create(key: NewApiKey, manager: EntityManager | DataSource = this.dataSource): Promise<ApiKeyRow> {
    try {
      const [row] = await manager.query<ApiKeyRow[]>(
        `INSERT INTO api_keys (key_id, name, hash, scopes, item_prefixes, created_by, expires_at)
         SELECT $1, $2, $3, $4, $5, $6, $7
          WHERE (SELECT count(*) FROM api_keys WHERE revoked_at IS NULL) < ${MOST_KEYS}
         RETURNING ${COLUMNS}`,
        [
          key.keyId,
          withoutNul(key.name),
          key.hash,
          textArray(key.scopes),
          key.itemPrefixes && textArray(key.itemPrefixes),
          withoutNul(key.createdBy),
          key.expiresAt,
        ],
      );
      if (row) return row;
    } catch (error) {
      if (!isUniqueViolation(error)) throw error;
      const message = `there is a key "${key.name}" already; choose another name, or revoke that one first`;
      throw new PlatformError('KEY_NAME_TAKEN', message, { name: key.name });
    }
    throw new PlatformError('INVALID_REQUEST', `there are ${MOST_KEYS} keys already; revoke some first`);
  }

  /** All keys that people made, revoked and expired ones too, by name. */
  list(): Promise<ApiKeyRow[]> {
    return this.dataSource.query(`SELECT ${COLUMNS} FROM api_keys WHERE ${FOR_PEOPLE} ORDER BY name, created_at`);
  }

  /** Keys that work, before their expiry. */
  active(): Promise<ActiveApiKey[]> {
    return this.dataSource.query(
      `SELECT key_id AS "keyId", name, hash, scopes, item_prefixes AS "itemPrefixes", expires_at AS "expiresAt"
         FROM api_keys WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())`,
    );
  }

  /** Whether there is a key that works and was made by a person. */
  async exists(): Promise<boolean> {
    const [row] = await this.dataSource.query<{ found: boolean }[]>(
      `SELECT EXISTS (SELECT FROM api_keys
                       WHERE ${FOR_PEOPLE} AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())) AS found`,
    );
    return row?.found ?? false;
  }

  /** Ends a key, by its id, or by its name while it works. @throws PlatformError NOT_FOUND. */
  async revoke(idOrName: string): Promise<ApiKeyRow> {
    const [rows] = await this.dataSource.query<[ApiKeyRow[], number]>(
      `UPDATE api_keys SET revoked_at = coalesce(revoked_at, now())
        WHERE ${FOR_PEOPLE} AND (key_id = $1 OR (name = $1 AND revoked_at IS NULL))
       RETURNING ${COLUMNS}`,
      [withoutNul(idOrName)],
    );
    const [row] = rows;
    if (!row) throw new PlatformError('NOT_FOUND', `there is no key "${idOrName}"`);
    return row;
  }

  /** Remembers when keys were used last. */
  async used(uses: ReadonlyMap<string, Date>): Promise<void> {
    if (uses.size === 0) return;
    await this.dataSource.query(
      `UPDATE api_keys k SET last_used_at = greatest(k.last_used_at, u.at)
         FROM unnest($1::text[], $2::timestamptz[]) AS u (key_id, at)
        WHERE k.key_id = u.key_id`,
      [textArray([...uses.keys()]), timestamptzArray([...uses.values()].map((at) => at.getTime()))],
    );
  }

  /** Removes keys that roles made for each other and that have expired. */
  async removeExpiredRoleKeys(): Promise<void> {
    await this.dataSource.query(`DELETE FROM api_keys WHERE NOT (${FOR_PEOPLE}) AND expires_at < now()`);
  }
}
