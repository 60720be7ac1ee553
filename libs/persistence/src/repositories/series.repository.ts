import type { DataSource, EntityManager } from 'typeorm';

/** What a forecast needs to know of a stored series. */
export interface SeriesRow {
  readonly seriesId: number;
  readonly itemId: string;
  readonly channel: string;
  /** ISO-8601 duration; null until it is known. */
  readonly freq: string | null;
  /** Points in the main season; null until it is known. */
  readonly season: number | null;
  readonly timeZone: string;
  /** Trace of the record that brought the newest point. */
  readonly traceparent: string | null;
}

const COLUMNS = `s.series_id AS "seriesId", s.item_id AS "itemId", s.channel, s.freq, s.season,
                 s.time_zone AS "timeZone", s.traceparent`;

/** Reads the series that forecasts are made of. */
export class SeriesRepository {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * The series behind each of `wanted`, in its order: the channel named, or every channel of the item in ascending
   * order. Empty where nothing matches.
   */
  async findEach(
    wanted: readonly { itemId: string; channel?: string }[],
    manager: EntityManager = this.dataSource.manager,
  ): Promise<SeriesRow[][]> {
    const rows = await manager.query<(SeriesRow & { position: number })[]>(
      `SELECT w.position::int AS position, ${COLUMNS}
       FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS w (item_id, channel, position)
       JOIN series s ON s.item_id = w.item_id AND (w.channel IS NULL OR s.channel = w.channel)
       ORDER BY w.position, s.channel COLLATE "C"`,
      [wanted.map(({ itemId }) => itemId), wanted.map(({ channel }) => channel ?? null)],
    );
    const found: SeriesRow[][] = wanted.map(() => []);
    for (const { position, ...series } of rows) found[position - 1]!.push(series);
    return found;
  }

  /** Series by id, in ascending order of id; ids that don't exist are left out. */
  async findByIds(
    seriesIds: readonly number[],
    manager: EntityManager = this.dataSource.manager,
  ): Promise<SeriesRow[]> {
    return manager.query<SeriesRow[]>(
      `SELECT ${COLUMNS} FROM series s WHERE s.series_id = ANY ($1::int[]) ORDER BY s.series_id`,
      [seriesIds],
    );
  }
}
