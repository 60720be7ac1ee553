import type { DataSource } from 'typeorm';

/** A series to put into the database, with what it knows of itself. */
export interface SeriesSeed {
  readonly itemId: string;
  readonly channel?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly freq?: string;
  readonly season?: number;
  readonly timeZone?: string;
  readonly traceparent?: string;
  /** Times in milliseconds (or texts), values, and when the value became known (its own time when absent). */
  readonly points?: readonly (readonly [ts: number | string, value: number, knownAt?: number | string])[];
}

/** Stores a series and its points; gives its id. */
export async function storeSeries(dataSource: DataSource, seed: SeriesSeed): Promise<number> {
  const [series] = await dataSource.query<{ series_id: number }[]>(
    `INSERT INTO series (item_id, channel, labels, freq, freq_declared, season, time_zone, traceparent)
     VALUES ($1, $2, $3, $4::text, $4::text IS NOT NULL, $5, $6, $7) RETURNING series_id`,
    [
      seed.itemId,
      seed.channel ?? 'value',
      JSON.stringify(seed.labels ?? {}),
      seed.freq ?? null,
      seed.season ?? null,
      seed.timeZone ?? 'UTC',
      seed.traceparent ?? null,
    ],
  );
  const seriesId = series!.series_id;
  const points = (seed.points ?? []).map(([ts, value, knownAt = ts]) => [time(ts), value, time(knownAt)] as const);
  if (points.length === 0) return seriesId;
  await dataSource.query(
    `SELECT ensure_observation_partitions(min(ts), max(ts)) FROM unnest($1::timestamptz[]) AS ts`,
    [points.map(([ts]) => ts)],
  );
  await dataSource.query(
    `INSERT INTO observations (series_id, ts, value, known_at)
     SELECT $1, * FROM unnest($2::timestamptz[], $3::float8[], $4::timestamptz[])`,
    [seriesId, ...[0, 1, 2].map((column) => points.map((point) => point[column]))],
  );
  return seriesId;
}

/** Stores `count` hourly series `<prefix>-1 …` of `length` points that end at `end`: a sine of a day each. */
export async function storeManySeries(
  dataSource: DataSource,
  { prefix, count, length, end }: { prefix: string; count: number; length: number; end: string },
): Promise<void> {
  await dataSource.query(`SELECT ensure_observation_partitions($1::timestamptz - $2 * interval '1 hour', $1)`, [
    end,
    length,
  ]);
  await dataSource.query(
    `INSERT INTO series (item_id, channel, freq) SELECT $1 || '-' || n, 'value', 'PT1H' FROM generate_series(1, $2::int) AS n`,
    [prefix, count],
  );
  await dataSource.query(
    `INSERT INTO observations (series_id, ts, value, known_at)
     SELECT series_id, ts, 100 + series_id + 10 * sin(i * pi() / 12), ts
     FROM series CROSS JOIN generate_series(0, $2::int - 1) AS i
     CROSS JOIN LATERAL (SELECT $3::timestamptz - ($2::int - 1 - i) * interval '1 hour' AS ts) AS t
     WHERE item_id LIKE $1 || '-%'`,
    [prefix, length, end],
  );
}

function time(ts: number | string): string {
  return new Date(ts).toISOString();
}
