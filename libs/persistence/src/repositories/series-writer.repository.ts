import type { DataSource, EntityManager } from 'typeorm';

import { int4Array, textArray } from '../pg-arrays.js';

/** Identity of a series outside. */
export interface SeriesKey {
  readonly itemId: string;
  readonly channel: string;
}

/** What the writer needs to know of a series. */
export interface KnownSeries {
  readonly seriesId: number;
  /** Epoch milliseconds of the newest stored point, −∞ without any. */
  readonly newest: number;
  readonly hasFreq: boolean;
}

/** What records declare about one series; undefined leaves what is there. */
export interface SeriesMetadata {
  readonly seriesId: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly freq?: string;
  readonly season?: number;
  readonly unit?: string;
  readonly timeZone?: string;
}

/** A series' last points, ascending, with what its spacing was declared to be. */
export interface ProfiledSeries {
  readonly seriesId: number;
  readonly timestamps: Float64Array;
  readonly values: Float64Array;
  readonly timeZone: string;
  readonly declaredFreq: string | undefined;
}

/** Finds and creates series, and keeps what is known about them. */
export class SeriesWriter {
  constructor(private readonly dataSource: DataSource) {}

  /** One answer a key, in the order of the keys; series that are new are created, outside any transaction. */
  async findOrCreate(keys: readonly SeriesKey[]): Promise<KnownSeries[]> {
    const found = await this.find(keys);
    const missing = keys.filter((_key, place) => !found.has(place));
    if (missing.length > 0) {
      // In order of the key, so that two members creating the same series never wait for each other in a circle.
      await this.dataSource.query(
        `INSERT INTO series (item_id, channel)
         SELECT item_id, channel FROM unnest($1::text[], $2::text[]) AS k (item_id, channel) ORDER BY 1, 2
         ON CONFLICT DO NOTHING`,
        [textArray(missing.map((key) => key.itemId)), textArray(missing.map((key) => key.channel))],
      );
      const created = await this.find(missing);
      let next = 0;
      for (let place = 0; place < keys.length; place++) {
        if (found.has(place)) continue;
        const series = created.get(next++);
        if (series) found.set(place, series);
      }
    }
    return keys.map(({ itemId, channel }, place) => {
      const series = found.get(place);
      if (!series) throw new Error(`series ${itemId}/${channel} vanished while it was being created`);
      return series;
    });
  }

  /** Stores declarations in the caller's transaction. Declared freq and season win over inferred ones from now on. */
  async declare(manager: EntityManager, declarations: readonly SeriesMetadata[]): Promise<void> {
    if (declarations.length === 0) return;
    await lockInOrder(
      manager,
      declarations.map(({ seriesId }) => seriesId),
    );
    await manager.query(
      `UPDATE series s
          SET labels = s.labels || coalesce(d.labels::jsonb, '{}'),
              freq = coalesce(d.freq, s.freq), freq_declared = s.freq_declared OR d.freq IS NOT NULL,
              season = coalesce(d.season::int, s.season), season_declared = s.season_declared OR d.season IS NOT NULL,
              unit = coalesce(d.unit, s.unit), time_zone = coalesce(d.time_zone, s.time_zone), updated_at = now()
         FROM unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
              AS d (series_id, labels, freq, season, unit, time_zone)
        WHERE s.series_id = d.series_id`,
      [
        int4Array(declarations.map(({ seriesId }) => seriesId)),
        textArray(declarations.map(({ labels }) => (labels ? JSON.stringify(labels) : null))),
        textArray(declarations.map(({ freq }) => freq ?? null)),
        textArray(declarations.map(({ season }) => (season === undefined ? null : String(season)))),
        textArray(declarations.map(({ unit }) => unit ?? null)),
        textArray(declarations.map(({ timeZone }) => timeZone ?? null)),
      ],
    );
  }

  /** Stores the trace that brought each series' newest point, in the caller's transaction. */
  async trace(manager: EntityManager, traces: ReadonlyMap<number, string>): Promise<void> {
    if (traces.size === 0) return;
    await lockInOrder(manager, [...traces.keys()]);
    await manager.query(
      `UPDATE series s SET traceparent = t.traceparent
         FROM unnest($1::int[], $2::text[]) AS t (series_id, traceparent) WHERE s.series_id = t.series_id`,
      [int4Array([...traces.keys()]), textArray([...traces.values()])],
    );
  }

  /** The last points of each series, for its profile. */
  async lastPoints(seriesIds: readonly number[], limit: number): Promise<ProfiledSeries[]> {
    const rows: {
      series_id: number;
      time_zone: string;
      freq: string | null;
      timestamps: string | null;
      values: string | null;
    }[] = await this.dataSource.query(
      `SELECT s.series_id, s.time_zone, CASE WHEN s.freq_declared THEN s.freq END AS freq, p.timestamps, p.values
         FROM series s
         CROSS JOIN LATERAL (
           SELECT string_agg((extract(epoch FROM ts) * 1000)::bigint::text, ',' ORDER BY ts) AS timestamps,
                  string_agg(value::text, ',' ORDER BY ts) AS values
             FROM (SELECT ts, value FROM observations WHERE series_id = s.series_id ORDER BY ts DESC LIMIT $2) newest
         ) p
        WHERE s.series_id = ANY ($1::int[])`,
      [int4Array(seriesIds), limit],
    );
    return rows.map((row) => ({
      seriesId: row.series_id,
      timeZone: row.time_zone,
      declaredFreq: row.freq ?? undefined,
      timestamps: numbers(row.timestamps),
      values: numbers(row.values),
    }));
  }

  /** Stores an inferred profile; what was declared in the meantime stays. */
  async profile(seriesId: number, freq: string, season: number): Promise<void> {
    await this.dataSource.query(
      `UPDATE series
          SET freq = CASE WHEN freq_declared THEN freq ELSE $2 END,
              season = CASE WHEN season_declared THEN season ELSE $3::int END, updated_at = now()
        WHERE series_id = $1
          AND ((NOT freq_declared AND freq IS DISTINCT FROM $2) OR (NOT season_declared AND season IS DISTINCT FROM $3::int))`,
      [seriesId, freq, season],
    );
  }

  /** By place in `keys`. */
  private async find(keys: readonly SeriesKey[]): Promise<Map<number, KnownSeries>> {
    const rows: { place: string; series_id: number; has_freq: boolean; newest: Date | null }[] =
      await this.dataSource.query(
        `SELECT k.place, s.series_id, s.freq IS NOT NULL AS has_freq, n.ts AS newest
           FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS k (item_id, channel, place)
           JOIN series s USING (item_id, channel)
           LEFT JOIN LATERAL (
             SELECT ts FROM observations WHERE series_id = s.series_id ORDER BY ts DESC LIMIT 1
           ) n ON true`,
        [textArray(keys.map((key) => key.itemId)), textArray(keys.map((key) => key.channel))],
      );
    return new Map(
      rows.map(({ place, series_id: seriesId, has_freq: hasFreq, newest }) => [
        Number(place) - 1,
        { seriesId, hasFreq, newest: newest?.getTime() ?? Number.NEGATIVE_INFINITY },
      ]),
    );
  }
}

async function lockInOrder(manager: EntityManager, seriesIds: readonly number[]): Promise<void> {
  await manager.query(`SELECT FROM series WHERE series_id = ANY ($1::int[]) ORDER BY series_id FOR NO KEY UPDATE`, [
    int4Array(seriesIds),
  ]);
}

function numbers(text: string | null): Float64Array {
  return text === null ? new Float64Array() : Float64Array.from(text.split(','), Number);
}
