import type { SeriesRow } from '@app/persistence';
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';

import type { Leaf } from './label-tree.js';

/** A series with its labels. */
export type LeafRow = SeriesRow & Leaf;

/** Reads the series of a hierarchy. */
@Injectable()
export class LeafRepository {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * The series of a channel that have all of `labels`, and at least one of those named in `by`; in the order of their
   * labels and items.
   */
  find(
    wanted: { channel: string; labels: Readonly<Record<string, string>>; by: readonly string[] },
    most: number,
  ): Promise<LeafRow[]> {
    return this.dataSource.query<LeafRow[]>(
      `SELECT series_id AS "seriesId", item_id AS "itemId", channel, freq, season, time_zone AS "timeZone", traceparent,
              labels
       FROM series
       WHERE channel = $1 AND labels @> $2::jsonb AND labels ?| $3::text[]
       ORDER BY (SELECT array_agg(labels ->> label ORDER BY place) FROM unnest($3::text[]) WITH ORDINALITY AS b (label, place)),
                item_id COLLATE "C"
       LIMIT $4`,
      [wanted.channel, JSON.stringify(wanted.labels), wanted.by, most],
    );
  }
}
