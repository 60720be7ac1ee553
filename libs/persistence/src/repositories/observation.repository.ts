import type { EntityManager } from 'typeorm';

import { float8Array, int2Array, int4Array, timestamptzArray } from '../pg-arrays.js';
import { queueScoring } from './score-queue.repository.js';

/** Points in columns of one length, in ascending order of (seriesId, ts), each pair once. */
export interface ObservationRows {
  readonly seriesIds: Int32Array;
  /** Epoch milliseconds. */
  readonly ts: Float64Array;
  readonly values: Float64Array;
  /** Bits of `ObservationFlag`; undefined when none has any. */
  readonly flags: Int16Array | undefined;
  /** Whether every point is newer than all that its series had when it was last looked at. */
  readonly fresh: boolean;
}

/** Values that a later one of the same transaction replaced, before anybody could read them. */
export interface ReplacedRows {
  readonly seriesIds: readonly number[];
  readonly ts: readonly number[];
  readonly values: readonly number[];
}

/** What became of the points written. */
export interface WriteCounts {
  readonly new: number;
  readonly revised: number;
  readonly duplicate: number;
}

/**
 * Writes points in the caller's transaction, in ascending order of the key: members that write the same series wait for
 * each other, but never in a circle.
 *
 * Fresh points are inserted plainly, which costs PostgreSQL a third less than ON CONFLICT; others are inserted where
 * nothing is held yet, and only if something was, the held values are compared.
 *
 * @throws QueryFailedError, a unique violation, when another member has brought a fresh point first.
 */
export async function writeObservations(
  manager: EntityManager,
  rows: ObservationRows,
  knownAt: Date,
): Promise<WriteCounts> {
  const count = rows.seriesIds.length;
  if (count === 0) return { new: 0, revised: 0, duplicate: 0 };

  const parameters = [int4Array(rows.seriesIds), timestamptzArray(rows.ts), float8Array(rows.values), knownAt];
  const insert = `${rows.flags ? INSERT_FLAGGED : INSERT}${rows.fresh ? '' : ' ON CONFLICT DO NOTHING'}`;
  const inserted = await affected(manager, insert, rows.flags ? [...parameters, int2Array(rows.flags)] : parameters);
  await queueScoring(manager, rows);
  if (inserted === count) return { new: count, revised: 0, duplicate: 0 };

  const [first, last] = extremes(rows.ts);
  const revised = await affected(manager, REVISE, [...parameters, new Date(first), new Date(last)]);
  return { new: inserted, revised, duplicate: count - inserted - revised };
}

/** Keeps values that were replaced within one transaction: valid for no time at all, but not forgotten. */
export async function keepReplaced(manager: EntityManager, rows: ReplacedRows, at: Date): Promise<void> {
  await manager.query(
    `INSERT INTO observation_revisions (series_id, ts, value, known_at, replaced_at)
     SELECT series_id, ts, value, $4, $4 FROM unnest($1::int[], $2::timestamptz[], $3::float8[]) AS p (series_id, ts, value)`,
    [int4Array(rows.seriesIds), timestamptzArray(rows.ts), float8Array(rows.values), at],
  );
}

const INSERT = `
  INSERT INTO observations (series_id, ts, value, known_at)
  SELECT series_id, ts, value, $4::timestamptz
    FROM unnest($1::int[], $2::timestamptz[], $3::float8[]) AS p (series_id, ts, value)`;

const INSERT_FLAGGED = `
  INSERT INTO observations (series_id, ts, value, flags, known_at)
  SELECT series_id, ts, value, flags, $4::timestamptz
    FROM unnest($1::int[], $2::timestamptz[], $3::float8[], $5::int2[]) AS p (series_id, ts, value, flags)`;

// The bounds on ts let the planner leave out the other months.
const REVISE = `
  WITH held AS (
    SELECT o.series_id, o.ts, o.value AS old_value, o.known_at, p.value
      FROM unnest($1::int[], $2::timestamptz[], $3::float8[]) AS p (series_id, ts, value)
      JOIN observations o USING (series_id, ts)
     WHERE o.value <> p.value AND o.ts BETWEEN $5 AND $6
     ORDER BY o.series_id, o.ts
       FOR UPDATE OF o
  ), kept AS (
    INSERT INTO observation_revisions (series_id, ts, value, known_at, replaced_at)
    SELECT series_id, ts, old_value, known_at, $4 FROM held
  )
  UPDATE observations o SET value = held.value, flags = o.flags | 4::smallint, known_at = $4
    FROM held
   WHERE o.series_id = held.series_id AND o.ts = held.ts AND o.ts BETWEEN $5 AND $6`;

async function affected(manager: EntityManager, statement: string, parameters: unknown[]): Promise<number> {
  const runner = manager.queryRunner;
  if (!runner) throw new Error('observations are written inside a transaction');
  const result = await runner.query(statement, parameters, true);
  return result.affected ?? 0;
}

function extremes(ts: Float64Array): [first: number, last: number] {
  let first = Number.POSITIVE_INFINITY;
  let last = Number.NEGATIVE_INFINITY;
  for (const at of ts) {
    if (at < first) first = at;
    if (at > last) last = at;
  }
  return [first, last];
}
