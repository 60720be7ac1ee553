import type { DataSource } from 'typeorm';

import { int4Array, textArray, timestamptzArray } from '../pg-arrays.js';

/** A value of a series whose forecasts are wanted. Times in epoch milliseconds. */
export interface ArrivedPoint {
  readonly seriesId: number;
  readonly ts: number;
  readonly arrivedAt: number;
}

/** A forecast of a series as it was stored. */
export interface IssuedQuantiles {
  readonly forecastId: string;
  readonly model: string;
  readonly cutoff: Date;
  readonly freq: string;
  readonly timeZone: string;
  readonly horizon: number;
  readonly levels: number[];
  /** Row-major, step × level. */
  readonly quantiles: Float64Array;
}

/** Cutoffs looked at for a point, the newest first. */
const CUTOFFS = 16;
/** Of PostgreSQL's binary arrays: before the first element, and before each. */
const HEADER_BYTES = 20;
const LENGTH_BYTES = 4;
const VALUE_BYTES = 8;

/** Reads forecasts that were issued before the points that they speak of arrived. */
export class IssuedForecastRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** Ids of the series that have any forecast, in the order asked for; undefined for the others. */
  async seriesWithForecasts(
    series: readonly (readonly [itemId: string, channel: string])[],
  ): Promise<(number | undefined)[]> {
    const rows = await this.dataSource.query<{ place: number; series_id: number }[]>(
      `SELECT w.place::int AS place, s.series_id
         FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS w (item_id, channel, place)
         JOIN series s ON s.item_id = w.item_id AND s.channel = w.channel
        WHERE EXISTS (SELECT FROM forecasts f WHERE f.series_id = s.series_id)`,
      [textArray(series.map(([itemId]) => itemId)), textArray(series.map(([, channel]) => channel))],
    );
    const found: (number | undefined)[] = series.map(() => undefined);
    for (const { place, series_id } of rows) found[place - 1] = series_id;
    return found;
  }

  /**
   * For each point the forecasts of its series that were cut off before it and issued before it arrived: of the 16
   * newest cutoffs the one issued last, the newest first.
   */
  async before(points: readonly ArrivedPoint[]): Promise<string[][]> {
    const rows = await this.dataSource.query<{ place: number; forecast_id: string }[]>(
      `SELECT p.place::int AS place, f.forecast_id
         FROM unnest($1::int[], $2::timestamptz[], $3::timestamptz[]) WITH ORDINALITY AS p (series_id, ts, arrived_at, place)
        CROSS JOIN LATERAL (
          SELECT DISTINCT ON (cutoff) forecast_id, cutoff FROM forecasts
           WHERE series_id = p.series_id AND cutoff < p.ts AND issued_at < p.arrived_at
           ORDER BY cutoff DESC, issued_at DESC
           LIMIT ${CUTOFFS}
        ) f
        ORDER BY p.place, f.cutoff DESC`,
      [
        int4Array(points.map(({ seriesId }) => seriesId)),
        timestamptzArray(points.map(({ ts }) => ts)),
        timestamptzArray(points.map(({ arrivedAt }) => arrivedAt)),
      ],
    );
    const found: string[][] = points.map(() => []);
    for (const { place, forecast_id } of rows) found[place - 1]!.push(forecast_id);
    return found;
  }

  /** The forecasts of these ids. */
  async load(forecastIds: readonly string[]): Promise<IssuedQuantiles[]> {
    if (forecastIds.length === 0) return [];
    const rows = await this.dataSource.query<(Omit<IssuedQuantiles, 'quantiles'> & { quantiles: Buffer })[]>(
      `SELECT forecast_id AS "forecastId", model, cutoff, freq, time_zone AS "timeZone", horizon, levels,
              array_send(quantiles) AS quantiles
         FROM forecasts WHERE forecast_id = ANY ($1::uuid[])`,
      [forecastIds],
    );
    return rows.map(({ quantiles, ...rest }) => ({ ...rest, quantiles: decodeDoubles(quantiles) }));
  }
}

/** An array without nulls as `array_send` writes it. */
function decodeDoubles(bytes: Buffer): Float64Array {
  const values = new Float64Array(Math.max(0, (bytes.length - HEADER_BYTES) / (LENGTH_BYTES + VALUE_BYTES)));
  for (let i = 0, at = HEADER_BYTES + LENGTH_BYTES; i < values.length; i++, at += LENGTH_BYTES + VALUE_BYTES) {
    values[i] = bytes.readDoubleBE(at);
  }
  return values;
}
