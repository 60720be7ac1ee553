import type { EntityManager } from 'typeorm';

import { byteaArray, int4Array, textArray, withoutNul } from '../pg-arrays.js';

/** NOTIFY channel that wakes the outbox relay. */
export const OUTBOX_CHANNEL = 'tidecast_outbox';

/** A record that could not be used, with all that was wrong with it. */
export interface DeadLetter {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly code: string;
  readonly message: string;
  readonly errors: readonly object[];
  readonly key: string | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, string>>;
}

/** A record on its way out. */
export interface OutboxRecord {
  readonly topic: string;
  readonly key: string | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Stores dead letters in the caller's transaction. The fence of the offset makes each come once; only a topic that was
 * made anew has the same offsets again, and then the newer record is the one that still exists.
 */
export async function storeDeadLetters(manager: EntityManager, letters: readonly DeadLetter[]): Promise<void> {
  await manager.query(
    `INSERT INTO dead_letters (topic, partition, "offset", code, message, errors, key, value, headers)
     SELECT topic, partition, "offset"::bigint, code, message, errors::jsonb, key, value, headers::jsonb
       FROM unnest($1::text[], $2::int[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bytea[], $9::text[])
            AS l (topic, partition, "offset", code, message, errors, key, value, headers)
     ON CONFLICT (topic, partition, "offset") DO UPDATE
        SET code = excluded.code, message = excluded.message, errors = excluded.errors, key = excluded.key,
            value = excluded.value, headers = excluded.headers, occurred_at = excluded.occurred_at`,
    [
      textArray(letters.map((letter) => letter.topic)),
      int4Array(letters.map((letter) => letter.partition)),
      textArray(letters.map((letter) => String(letter.offset))),
      textArray(letters.map((letter) => letter.code)),
      textArray(letters.map((letter) => letter.message)),
      textArray(letters.map((letter) => JSON.stringify(letter.errors))),
      textArray(letters.map((letter) => letter.key)),
      byteaArray(letters.map((letter) => letter.value)),
      textArray(letters.map((letter) => jsonOf(letter.headers))),
    ],
  );
}

/** Puts records in the outbox in the caller's transaction and wakes the relay when it commits. */
export async function storeInOutbox(manager: EntityManager, records: readonly OutboxRecord[]): Promise<void> {
  await manager.query(
    `INSERT INTO outbox (topic, key, value, headers)
     SELECT topic, key, value, headers::jsonb
       FROM unnest($1::text[], $2::text[], $3::bytea[], $4::text[]) WITH ORDINALITY AS r (topic, key, value, headers, place)
      ORDER BY place`,
    [
      textArray(records.map((record) => record.topic)),
      textArray(records.map((record) => record.key)),
      byteaArray(records.map((record) => record.value)),
      textArray(records.map((record) => jsonOf(record.headers))),
    ],
  );
  await manager.query(`SELECT pg_notify($1, '')`, [OUTBOX_CHANNEL]);
}

// jsonb holds no NUL. Half characters are gone when bytes become text.
function jsonOf(headers: Readonly<Record<string, string>>): string {
  return JSON.stringify(
    Object.fromEntries(Object.entries(headers).map(([name, value]) => [withoutNul(name), withoutNul(value)])),
  );
}
