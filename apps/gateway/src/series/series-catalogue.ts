import { Injectable } from '@nestjs/common';
import { PlatformError } from '@app/observability';
import { ReadDatabase } from '@app/persistence';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { decodeCursor, encodeCursor } from '../request-values.js';
import type { CheckedPatch } from './check-patch.js';
import { labelsOf, type SeriesPage, type SeriesQuery, type SeriesView } from './series.schema.js';

interface SeriesRow {
  readonly item_id: string;
  readonly channel: string;
  readonly freq: string | null;
  readonly freq_declared: boolean;
  readonly season: number | null;
  readonly season_declared: boolean;
  readonly time_zone: string;
  readonly unit: string | null;
  readonly labels: Record<string, string>;
  readonly created_at: Date;
  readonly last_ts: Date | null;
}

/** The last item and channel of a page. */
const POSITION = z.tuple([z.string(), z.string()]);

const LAST_TS = `(SELECT o.ts FROM observations o WHERE o.series_id = s.series_id ORDER BY o.ts DESC LIMIT 1)`;
const COLUMNS = `s.item_id, s.channel, s.freq, s.freq_declared, s.season, s.season_declared, s.time_zone,
                 s.unit, s.labels, s.created_at, ${LAST_TS} AS last_ts`;

/** The series that there are, and what is declared about them. */
@Injectable()
export class SeriesCatalogue {
  constructor(
    private readonly dataSource: DataSource,
    private readonly reads: ReadDatabase,
  ) {}

  /**
   * A page in the order of item and channel.
   *
   * @param itemPrefixes only items that begin with one of these; null for all.
   */
  async list(query: SeriesQuery, itemPrefixes: readonly string[] | null): Promise<SeriesPage> {
    const [afterItem, afterChannel] = decodeCursor(query.cursor, POSITION) ?? [null, null];
    const rows = await this.reads.query<SeriesRow[]>(
      `SELECT ${COLUMNS} FROM series s
       WHERE ($1::text IS NULL OR s.item_id = $1) AND s.labels @> $2::jsonb
         AND ($3::text IS NULL OR (s.item_id, s.channel) > ($3, $4))
         AND ($6::text IS NULL OR s.item_id ILIKE $6 OR s.channel ILIKE $6 OR s.labels::text ILIKE $6)
         AND ($7::text[] IS NULL OR s.item_id ^@ ANY ($7))
       ORDER BY s.item_id, s.channel
       LIMIT $5`,
      [
        query.item_id ?? null,
        JSON.stringify(labelsOf(query)),
        afterItem,
        afterChannel,
        query.limit + 1,
        query.search ? containing(query.search) : null,
        itemPrefixes,
      ],
    );
    const page = rows.slice(0, query.limit);
    const last = page.at(-1);
    return {
      series: page.map(view),
      next_cursor: last && rows.length > page.length ? encodeCursor([last.item_id, last.channel]) : null,
    };
  }

  /** @throws PlatformError NOT_FOUND naming the series. */
  async idOf(itemId: string, channel: string): Promise<number> {
    const [row] = await this.dataSource.query<{ series_id: number }[]>(
      'SELECT series_id FROM series WHERE item_id = $1 AND channel = $2',
      [itemId, channel],
    );
    if (!row) throw notFound(itemId, channel);
    return row.series_id;
  }

  /** Stores what was declared; a declared value is never overwritten by an inferred one. */
  async declare(itemId: string, channel: string, patch: CheckedPatch): Promise<SeriesView> {
    const assignments = Object.entries(patch).map(([column, value], i) => assignment(column, value, `$${i + 3}`));
    // RETURNING through a query of its own, as TypeORM answers an UPDATE with rows and a count.
    const [row] = await this.dataSource.query<SeriesRow[]>(
      `WITH changed AS (
         UPDATE series s SET ${assignments.map(({ sql }) => sql).join(', ')}, updated_at = now()
         WHERE s.item_id = $1 AND s.channel = $2
         RETURNING s.*
       )
       SELECT ${COLUMNS} FROM changed s`,
      [itemId, channel, ...assignments.map(({ value }) => value)],
    );
    if (!row) throw notFound(itemId, channel);
    return view(row);
  }
}

// What LIKE takes for a wildcard stands for itself.
function containing(text: string): string {
  return `%${text.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`;
}

function assignment(column: string, value: unknown, parameter: string): { sql: string; value: unknown } {
  if (column === 'labels') {
    return { sql: `labels = jsonb_strip_nulls(s.labels || ${parameter}::jsonb)`, value: JSON.stringify(value) };
  }
  // Taking back what was never declared must not forget what was inferred.
  if (column === 'freq' || column === 'season') {
    return {
      sql: `${column} = CASE WHEN s.${column}_declared THEN ${parameter} ELSE coalesce(${parameter}, s.${column}) END`,
      value,
    };
  }
  return { sql: `${column} = ${parameter}`, value };
}

function view(row: SeriesRow): SeriesView {
  return { ...row, last_ts: row.last_ts?.toISOString() ?? null, created_at: row.created_at.toISOString() };
}

function notFound(itemId: string, channel: string): PlatformError {
  const message = `there is no series "${itemId}"/"${channel}"; a series begins with its first observation`;
  return new PlatformError('NOT_FOUND', message, { itemId, channel });
}
