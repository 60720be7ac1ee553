import { Inject, Injectable } from '@nestjs/common';
import { PlatformError } from '@app/observability';
import { ReadDatabase } from '@app/persistence';
import { Frequency, type ForecastStatus } from '@app/series';
import type { IssuedForecast } from '../../../forecaster/src/forecast-client.js';

interface ForecastRow {
  readonly forecast_id: string;
  readonly item_id: string;
  readonly channel: string;
  readonly model: string;
  readonly model_sha256: string | null;
  readonly provider: string;
  readonly status: ForecastStatus;
  readonly issued_at: Date;
  readonly cutoff: Date;
  readonly freq: string;
  readonly time_zone: string;
  readonly levels: number[];
  readonly mean: number[];
  readonly quantiles: number[];
  readonly parts: Record<string, unknown>;
}

const COLUMNS = `f.forecast_id, s.item_id, s.channel, f.model, f.model_sha256, f.provider, f.status, f.issued_at, f.cutoff,
                 f.freq, f.time_zone, f.levels, f.mean, f.quantiles, f.parts`;

/** Reads forecasts that were stored. */
@Injectable()
export class StoredForecasts {
  constructor(@Inject(ReadDatabase) private readonly database: Pick<ReadDatabase, 'query'>) {}

  /**
   * The newest forecast of each channel of an item: newest cutoff, of several the one issued last.
   *
   * @param asOf look at those only that had been issued by then.
   * @param cutoffBefore look at those only whose context ends before.
   * @throws PlatformError NOT_FOUND where there is no such series, or none of them has a forecast.
   */
  async latest(itemId: string, channel?: string, asOf?: Date, cutoffBefore?: Date): Promise<IssuedForecast[]> {
    const rows = await this.database.query<(ForecastRow | { forecast_id: null })[]>(
      `SELECT ${COLUMNS}
       FROM series s
       LEFT JOIN LATERAL (
         SELECT * FROM forecasts
         WHERE series_id = s.series_id AND ($3::timestamptz IS NULL OR issued_at <= $3)
           AND cutoff < coalesce($4::timestamptz, 'infinity')
         ORDER BY cutoff DESC, issued_at DESC LIMIT 1
       ) f ON true
       WHERE s.item_id = $1 AND ($2::text IS NULL OR s.channel = $2)
       ORDER BY s.channel COLLATE "C"`,
      [itemId, channel ?? null, asOf ?? null, cutoffBefore ?? null],
    );
    const found = rows.filter((row) => row.forecast_id !== null);
    if (found.length > 0) return found.map(toIssued);
    const name = channel === undefined ? `"${itemId}"` : `"${itemId}"/"${channel}"`;
    const none = noForecast(asOf, cutoffBefore);
    const message =
      rows.length === 0 ? `there is no series ${name}` : `series ${name} has ${none}; POST /forecasts makes one`;
    throw new PlatformError('NOT_FOUND', message, { itemId, ...(channel === undefined ? {} : { channel }) });
  }

  /** @throws PlatformError NOT_FOUND. */
  async find(forecastId: string): Promise<IssuedForecast> {
    const [row] = await this.database.query<ForecastRow[]>(
      `SELECT ${COLUMNS} FROM forecasts f JOIN series s USING (series_id) WHERE f.forecast_id = $1`,
      [forecastId],
    );
    if (row) return toIssued(row);
    throw new PlatformError('NOT_FOUND', `there is no forecast ${forecastId}`, { forecastId });
  }

  /** Whether a hierarchy may take in series of items that begin with none of the prefixes; never where these are null. */
  async hasForeignSeries(
    channel: string,
    labels: Readonly<Record<string, string>>,
    itemPrefixes: readonly string[] | null,
  ): Promise<boolean> {
    if (itemPrefixes === null) return false;
    const [row] = await this.database.query<{ found: boolean }[]>(
      `SELECT EXISTS (SELECT FROM series
                       WHERE channel = $1 AND labels @> $2::jsonb AND NOT item_id ^@ ANY ($3::text[])) AS found`,
      [channel, JSON.stringify(labels), itemPrefixes],
    );
    return row?.found ?? true;
  }
}

function noForecast(asOf: Date | undefined, cutoffBefore: Date | undefined): string {
  if (cutoffBefore) return `no forecast whose context ends before ${cutoffBefore.toISOString()}`;
  return asOf ? `no forecast that was issued by ${asOf.toISOString()}` : 'no forecast yet';
}

function toIssued(row: ForecastRow): IssuedForecast {
  const start = Frequency.parse(row.freq)?.addTo(row.cutoff.getTime(), 1, row.time_zone) ?? row.cutoff;
  return {
    forecastId: row.forecast_id,
    itemId: row.item_id,
    channel: row.channel,
    model: row.model,
    modelSha256: row.model_sha256,
    provider: row.provider,
    cutoff: row.cutoff.toISOString(),
    start: new Date(start).toISOString(),
    freq: row.freq,
    timeZone: row.time_zone,
    levels: row.levels,
    mean: row.mean,
    quantiles: row.quantiles,
    status: row.status,
    parts: row.parts,
    issuedAt: row.issued_at.toISOString(),
  };
}
