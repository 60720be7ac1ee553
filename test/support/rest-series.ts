import type { Json, RestProcess } from './rest-process.js';

export const HOUR = 3_600_000;
/** Time of the first point of a stored series. */
export const START = Date.UTC(2026, 0, 1);
export const POINTS = 240;
/** Everything that a path, SQL or JSON could trip over. */
export const AWKWARD = `a/b%2F c?d#e&f 'g' "h" \\ ü 水 ; DROP TABLE series; --`;

/** Path of a series below `/api/v1`. */
export function seriesPath(itemId: string, channel: string): string {
  return `/series/${encodeURIComponent(itemId)}/${encodeURIComponent(channel)}`;
}

/** Stores an hourly series with a daily wave around 10, labelled by its site, and gives its id. */
export async function storeSeries(
  { dataSource }: RestProcess,
  itemId: string,
  channel: string,
  points = POINTS,
): Promise<number> {
  const [row] = await dataSource.query<{ series_id: number }[]>(
    `INSERT INTO series (item_id, channel, freq, season, labels) VALUES ($1, $2, 'PT1H', 24, $3) RETURNING series_id`,
    [itemId, channel, { site: itemId.startsWith('pump') ? 'north' : 'south' }],
  );
  await dataSource.query(`SELECT ensure_observation_partitions('2026-01-01Z', '2026-02-01Z')`);
  await dataSource.query(
    `INSERT INTO observations
     SELECT $1, ts, 10 + sin(n * pi() / 12), 0, ts
     FROM generate_series(0, $3::int - 1) AS n, LATERAL (SELECT $2::timestamptz + n * interval '1 hour' AS ts) AS at`,
    [row!.series_id, new Date(START), points],
  );
  return row!.series_id;
}

/** The usual series: two pumps, one of them young, and one whose name is awkward. */
export async function storeUsualSeries(rest: RestProcess): Promise<void> {
  await storeSeries(rest, 'pump-7', 'flow');
  await storeSeries(rest, 'pump-7', 'temp');
  await storeSeries(rest, 'pump-8', 'flow', 3);
  await storeSeries(rest, AWKWARD, AWKWARD);
}

/** Two weeks of a daily series that comes along with a request. */
export function inlineSeries(overrides: Json = {}): Json {
  return {
    item_id: 'shop',
    freq: 'P1D',
    start: '2026-03-20T00:00:00Z',
    target: [1, 2, 3, 4, 5, 6, 7, 1, 2, 3, 4, 5, 6, 7],
    ...overrides,
  };
}
