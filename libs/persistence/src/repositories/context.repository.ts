import type { ObservedPoints } from '@app/series';
import type { DataSource, EntityManager } from 'typeorm';

/** A series whose last points are wanted. */
export interface ContextQuery {
  readonly seriesId: number;
  /** How far back from the newest point to read, in milliseconds; null where the spacing is not known. */
  readonly lookBackMs: number | null;
}

export interface ContextOptions {
  /** Slots to fill. */
  readonly contextLength: number;
  /** Read what was known at this time; everything when absent. */
  readonly asOf?: Date;
  /** With `asOf`: the newest time to read; that of `asOf` itself when absent. */
  readonly until?: Date;
  readonly manager?: EntityManager;
}

/** Points read for a slot at most: one an hour out of one a minute works, denser series get a shorter context. */
const POINTS_PER_SLOT = 64;
/** 2000-01-01, where PostgreSQL's binary timestamps begin. */
const POSTGRES_EPOCH_MS = Date.UTC(2000, 0, 1);
const BYTES = 8;

// Points as they are now, and as they were known at $4: the present value where it was known by then, else the
// revision that was valid then, else nothing.
const NOW = `SELECT ts, value FROM observations WHERE series_id = wanted.series_id`;
const AS_OF = `
  SELECT o.ts, coalesce(r.value, o.value) AS value
  FROM observations o
  LEFT JOIN observation_revisions r
    ON o.known_at > $4 AND r.series_id = o.series_id AND r.ts = o.ts AND r.known_at <= $4 AND r.replaced_at > $4
  WHERE o.series_id = wanted.series_id AND o.ts <= $5 AND (o.known_at <= $4 OR r.series_id IS NOT NULL)`;

/** Reads context windows out of `observations`, many series in one query. */
export class ContextRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** The last points of each series, ascending by time and in the order asked for; empty where there are none. */
  async load(queries: readonly ContextQuery[], options: ContextOptions): Promise<ObservedPoints[]> {
    const { contextLength, asOf, until = asOf, manager = this.dataSource.manager } = options;
    const rows = await manager.query<{ position: number; ts: Buffer; values: Buffer }[]>(
      lastPoints(asOf === undefined ? NOW : AS_OF),
      [
        queries.map(({ seriesId }) => seriesId),
        queries.map(({ lookBackMs }) => lookBackMs),
        contextLength,
        ...(asOf === undefined ? [] : [asOf, until]),
      ],
    );
    const found: ObservedPoints[] = queries.map(() => ({ timestamps: [], values: [] }));
    for (const { position, ts, values } of rows) {
      found[position - 1] = { timestamps: decodeTimestamps(ts), values: decodeDoubles(values) };
    }
    return found;
  }
}

// Binary strings rather than arrays: half a million points decode in milliseconds, as text arrays they take seconds.
// They are aggregated in the order of the sorted subquery, newest first, which saves sorting them again.
function lastPoints(points: string): string {
  return `
    SELECT wanted.position::int AS position, last.ts, last.values
    FROM unnest($1::int[], $2::float8[]) WITH ORDINALITY AS wanted (series_id, look_back_ms, position)
    CROSS JOIN LATERAL (SELECT ts AS newest FROM (${points}) AS point ORDER BY ts DESC LIMIT 1) AS newest
    CROSS JOIN LATERAL (
      SELECT string_agg(timestamptz_send(ts), '') AS ts, string_agg(float8send(value), '') AS values
      FROM (
        SELECT ts, value FROM (${points}) AS point
        WHERE ts >= CASE WHEN look_back_ms IS NULL THEN '-infinity'
                         ELSE newest.newest - look_back_ms * interval '1 millisecond' END
        ORDER BY ts DESC
        LIMIT CASE WHEN look_back_ms IS NULL THEN $3::int ELSE $3::int * ${POINTS_PER_SLOT} END
      ) AS point
    ) AS last`;
}

/** Big-endian int64 microseconds since 2000, newest first, to milliseconds since 1970, oldest first. */
function decodeTimestamps(bytes: Buffer): Float64Array {
  const timestamps = new Float64Array(bytes.length / BYTES);
  for (let i = 0, at = bytes.length - BYTES; at >= 0; i++, at -= BYTES) {
    // Below 2^53 for any year that matters, so two halves are exact in a double; BigInt would be ten times slower.
    const micros = bytes.readInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4);
    timestamps[i] = POSTGRES_EPOCH_MS + Math.round(micros / 1_000);
  }
  return timestamps;
}

/** Big-endian doubles, newest first, to oldest first. */
function decodeDoubles(bytes: Buffer): Float64Array {
  const values = new Float64Array(bytes.length / BYTES);
  for (let i = 0, at = bytes.length - BYTES; at >= 0; i++, at -= BYTES) values[i] = bytes.readDoubleBE(at);
  return values;
}
