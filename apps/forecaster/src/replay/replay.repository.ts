import type { SeriesKnowledge } from '@app/forecasters';
import { PlatformError } from '@app/observability';
import type { ForecastStatus } from '@app/series';
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';

/** A forecast as it was stored. */
export interface StoredForecast {
  readonly forecastId: string;
  readonly seriesId: number;
  readonly itemId: string;
  readonly channel: string;
  readonly issuedAt: Date;
  readonly cutoff: Date;
  readonly freq: string;
  readonly timeZone: string;
  readonly horizon: number;
  readonly model: string;
  readonly modelSha256: string | null;
  readonly provider: string;
  readonly mean: number[];
  readonly quantiles: number[];
  readonly status: ForecastStatus;
  readonly parts: Readonly<Record<string, unknown>>;
}

/** Versions of what the scorecard had taught; each may be absent. */
export interface SkillVersions {
  readonly weights?: number;
  /** Of the weights of the group. */
  readonly group?: number;
  readonly calibration?: number;
  readonly champion?: number;
}

const COLUMNS = `f.forecast_id AS "forecastId", f.series_id AS "seriesId", s.item_id AS "itemId", s.channel,
                 f.issued_at AS "issuedAt", f.cutoff, f.freq, f.time_zone AS "timeZone", f.horizon, f.model,
                 f.model_sha256 AS "modelSha256", f.provider, f.mean, f.quantiles, f.status, f.parts`;

/** Reads what a forecast was made with. */
@Injectable()
export class ReplayRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** @throws PlatformError NOT_FOUND. */
  async find(forecastId: string): Promise<StoredForecast> {
    const [row] = await this.dataSource.query<StoredForecast[]>(
      `SELECT ${COLUMNS} FROM forecasts f JOIN series s USING (series_id) WHERE f.forecast_id = $1`,
      [forecastId],
    );
    if (row) return row;
    throw new PlatformError('NOT_FOUND', `there is no forecast ${forecastId}`, { forecastId });
  }

  /** What these versions taught; a version that is not there any more is left out. @param freq of the forecast. */
  async knowledge(
    { seriesId, freq }: Pick<StoredForecast, 'seriesId' | 'freq'>,
    versions: SkillVersions,
  ): Promise<SeriesKnowledge> {
    const { weights, group, calibration, champion } = versions;
    const series = { column: 'series_id', key: seriesId };
    const parts = await Promise.all([
      this.#version('aggregation_weights', 'weights', series, weights),
      this.#version('group_weights', 'weights', { column: 'group_key', key: freq }, group),
      this.#version('calibrations', 'buckets', series, calibration),
      this.#version('champions', 'champion AS model, reason', series, champion),
    ]);
    const names = ['weights', 'group', 'calibration', 'champion'];
    return Object.fromEntries(parts.flatMap((part, i) => (part ? [[names[i], part]] : [])));
  }

  async #version(
    table: string,
    columns: string,
    { column, key }: { column: string; key: number | string },
    version = 0,
  ): Promise<object | undefined> {
    if (version === 0) return undefined;
    const [row] = await this.dataSource.query<object[]>(
      `SELECT version, ${columns} FROM ${table} WHERE ${column} = $1 AND version = $2`,
      [key, version],
    );
    return row;
  }
}
