import { Injectable } from '@nestjs/common';
import { ObservationFlag } from '@app/series';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { decodeCursor, encodeCursor } from '../request-values.js';
import type { ObservationsPage, ObservationsQuery } from './series.schema.js';

interface PointRow {
  readonly ts: Date;
  readonly value: number;
  readonly known_at: Date;
  readonly flags: number | null;
}

/** The last time of a page. */
const POSITION = z.tuple([z.iso.datetime()]);

// The present value where it was known by then, else the revision that was valid then, else nothing.
const AS_OF = `
  SELECT o.ts, coalesce(r.value, o.value) AS value, coalesce(r.known_at, o.known_at) AS known_at, NULL AS flags
  FROM observations o
  LEFT JOIN observation_revisions r
    ON o.known_at > $6 AND r.series_id = o.series_id AND r.ts = o.ts AND r.known_at <= $6 AND r.replaced_at > $6
  WHERE (o.known_at <= $6 OR r.series_id IS NOT NULL)`;
const NOW = `SELECT o.ts, o.value, o.known_at, o.flags FROM observations o WHERE true`;

/** Reads the points of one series, as they are or as they were known. */
@Injectable()
export class ObservationReader {
  constructor(private readonly dataSource: DataSource) {}

  /** A page in ascending order of time. */
  async read(
    seriesId: number,
    query: ObservationsQuery,
  ): Promise<Pick<ObservationsPage, 'observations' | 'next_cursor'>> {
    const [after] = decodeCursor(query.cursor, POSITION) ?? [];
    const rows = await this.dataSource.query<PointRow[]>(
      `${query.as_of ? AS_OF : NOW}
         AND o.series_id = $1 AND o.ts >= coalesce($2::timestamptz, '-infinity')
         AND o.ts < coalesce($3::timestamptz, 'infinity') AND o.ts > coalesce($4::timestamptz, '-infinity')
       ORDER BY o.ts
       LIMIT $5`,
      [
        seriesId,
        query.from ?? null,
        query.to ?? null,
        after ?? null,
        query.limit + 1,
        ...(query.as_of ? [query.as_of] : []),
      ],
    );
    const page = rows.slice(0, query.limit);
    const last = page.at(-1);
    return {
      observations: page.map(view),
      next_cursor: last && rows.length > page.length ? encodeCursor([last.ts.toISOString()]) : null,
    };
  }
}

function view({ ts, value, known_at, flags }: PointRow): ObservationsPage['observations'][number] {
  return {
    ts: ts.toISOString(),
    value,
    known_at: known_at.toISOString(),
    ...(flags === null ? {} : { flags: flagNames(flags) }),
  };
}

function flagNames(flags: number): (keyof typeof ObservationFlag)[] {
  return (['imputed', 'late', 'revised'] as const).filter((name) => (flags & ObservationFlag[name]) !== 0);
}
