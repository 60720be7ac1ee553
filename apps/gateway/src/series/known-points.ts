import type { ObservationsQuery } from './series.schema.js';

/** Which points of a series: the stretch of time, and when they were to be known. */
export type PointRange = Pick<ObservationsQuery, 'from' | 'to' | 'as_of'>;

// The present value where it was known by then, else the revision that was valid then, else nothing.
const AS_OF = `
  SELECT o.ts, coalesce(r.value, o.value) AS value, coalesce(r.known_at, o.known_at) AS known_at, NULL AS flags
  FROM observations o
  LEFT JOIN observation_revisions r
    ON o.known_at > $4 AND r.series_id = o.series_id AND r.ts = o.ts AND r.known_at <= $4 AND r.replaced_at > $4
  WHERE (o.known_at <= $4 OR r.series_id IS NOT NULL)`;
const NOW = `SELECT o.ts, o.value, o.known_at, o.flags FROM observations o WHERE $4::timestamptz IS NULL`;

/** SELECT of `ts, value, known_at, flags`, open for more conditions on `o`; its parameters are those of `pointParameters`. */
export function knownPoints(asOf: Date | undefined): string {
  return `${asOf ? AS_OF : NOW}
    AND o.series_id = $1 AND o.ts >= coalesce($2::timestamptz, '-infinity') AND o.ts < coalesce($3::timestamptz, 'infinity')`;
}

/** Parameters $1 to $4 of `knownPoints`. */
export function pointParameters(seriesId: number, { from, to, as_of }: PointRange): unknown[] {
  return [seriesId, from ?? null, to ?? null, as_of ?? null];
}
