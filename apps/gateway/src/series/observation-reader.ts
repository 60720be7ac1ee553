import { Inject, Injectable } from '@nestjs/common';
import { ReadDatabase } from '@app/persistence';
import { ObservationFlag } from '@app/series';
import { z } from 'zod';
import { decodeCursor, encodeCursor } from '../request-values.js';
import { knownPoints, pointParameters } from './known-points.js';
import type { ObservationsPage, ObservationsQuery } from './series.schema.js';

interface PointRow {
  readonly ts: Date;
  readonly value: number;
  readonly known_at: Date;
  readonly flags: number | null;
}

/** The last time of a page. */
const POSITION = z.tuple([z.iso.datetime()]);

/** Reads the points of one series, as they are or as they were known. */
@Injectable()
export class ObservationReader {
  constructor(@Inject(ReadDatabase) private readonly database: Pick<ReadDatabase, 'query'>) {}

  /** A page in ascending order of time. */
  async read(
    seriesId: number,
    query: ObservationsQuery,
  ): Promise<Pick<ObservationsPage, 'observations' | 'next_cursor'>> {
    const [after] = decodeCursor(query.cursor, POSITION) ?? [];
    const rows = await this.database.query<PointRow[]>(
      `${knownPoints(query.as_of)} AND o.ts > coalesce($5::timestamptz, '-infinity') ORDER BY o.ts LIMIT $6`,
      [...pointParameters(seriesId, query), after ?? null, query.limit + 1],
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
