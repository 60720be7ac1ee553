import type { DataSource, EntityManager } from 'typeorm';

import { float8Array, int4Array, textArray } from '../pg-arrays.js';

/** A forecast to store; see the entity for what each value means. */
export interface NewForecast {
  readonly forecastId: string;
  readonly seriesId: number;
  readonly runId: string | null;
  readonly issuedAt: Date;
  readonly cutoff: Date;
  readonly freq: string;
  readonly timeZone: string;
  readonly model: string;
  readonly modelSha256: string | null;
  readonly provider: string;
  readonly levels: readonly number[];
  /** One value a step, in the units of the series. */
  readonly mean: ArrayLike<number>;
  /** Steps × levels, row-major. */
  readonly quantiles: ArrayLike<number>;
  readonly status: string;
  readonly parts: Readonly<Record<string, unknown>>;
  readonly traceparent: string | null;
  /** Mean absolute error of seasonal naive inside the context; null where it has none. */
  readonly naiveError?: number | null;
  /** What the models behind it said, to be scored like it. */
  readonly shadows?: readonly ShadowForecast[];
}

/** Quantiles that were not served. */
export interface ShadowForecast {
  readonly model: string;
  readonly modelSha256?: string;
  /** Steps × levels, row-major. */
  readonly quantiles: ArrayLike<number>;
}

/** Columns of one value, and how each comes out of an array of texts. */
const COLUMNS = [
  ['forecast_id', 'uuid'],
  ['series_id', 'int'],
  ['run_id', 'uuid'],
  ['issued_at', 'timestamptz'],
  ['cutoff', 'timestamptz'],
  ['freq', 'text'],
  ['time_zone', 'text'],
  ['horizon', 'int'],
  ['model', 'text'],
  ['model_sha256', 'text'],
  ['provider', 'text'],
  ['status', 'text'],
  ['parts', 'jsonb'],
  ['traceparent', 'text'],
  ['naive_error', 'float8'],
] as const;

// An array of arrays can't be unnested by rows: those of all rows travel end to end in one binary array, and each row
// takes the slice between two bounds. As text the quantiles cost more than all else about storing them.
const ARRAYS = ['levels', 'mean', 'quantiles'] as const;
const NAMES = COLUMNS.map(([name]) => name);
const INSERT = `
  INSERT INTO forecasts (${[...NAMES, ...ARRAYS].join(', ')})
  SELECT ${COLUMNS.map(([name, type]) => `${name}::${type}`).join(', ')},
         ${ARRAYS.map((name, i) => `($${NAMES.length + 1 + 3 * i}::float8[])[${name}_from:${name}_to]`).join(', ')}
  FROM unnest(${NAMES.map((_, i) => `$${i + 1}::text[]`).join(', ')},
              ${ARRAYS.map((_, i) => `$${NAMES.length + 2 + 3 * i}::int[], $${NAMES.length + 3 + 3 * i}::int[]`).join(', ')})
    AS row (${NAMES.join(', ')}, ${ARRAYS.map((name) => `${name}_from, ${name}_to`).join(', ')})`;

const INSERT_SHADOWS = `
  INSERT INTO shadow_forecasts (forecast_id, model, model_sha256, quantiles)
  SELECT forecast_id, model, model_sha256, ($4::float8[])[quantiles_from:quantiles_to]
  FROM unnest($1::uuid[], $2::text[], $3::text[], $5::int[], $6::int[])
    AS row (forecast_id, model, model_sha256, quantiles_from, quantiles_to)`;

// How far back from an arrived point its forecasts can lie. Most forecasts reach no further than one before them, and
// then nothing is written; days and months have no fixed length, so those get one day more.
const WIDEN_SPANS = `
  WITH reach AS (
    SELECT series_id, max((horizon + 1) * freq::interval + CASE WHEN freq LIKE 'PT%' THEN '0' ELSE '1 day' END::interval) AS span
    FROM unnest($1::int[], $2::int[], $3::text[]) AS row (series_id, horizon, freq)
    GROUP BY series_id
  )
  INSERT INTO forecast_spans AS held (series_id, span)
  SELECT series_id, span FROM reach
  WHERE NOT EXISTS (SELECT FROM forecast_spans AS wide WHERE wide.series_id = reach.series_id AND wide.span >= reach.span)
  ORDER BY series_id
  ON CONFLICT (series_id) DO UPDATE SET span = greatest(held.span, excluded.span)`;

/** Writes forecasts. A stored forecast is never updated. */
export class ForecastRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** Stores all, or none, with their shadows. */
  async insert(forecasts: readonly NewForecast[], manager?: EntityManager): Promise<void> {
    if (forecasts.length === 0) return;
    if (!manager) return this.dataSource.transaction((own) => this.insert(forecasts, own));
    const rows = forecasts.map(toTexts);
    await manager.query(INSERT, [
      ...NAMES.map((name) => textArray(rows.map((row) => row[name]))),
      ...ARRAYS.flatMap((name) => endToEnd(forecasts.map((forecast) => forecast[name]))),
    ]);
    await manager.query(
      WIDEN_SPANS,
      (['series_id', 'horizon', 'freq'] as const).map((name) => rows.map((row) => row[name])),
    );
    await this.#insertShadows(forecasts, manager);
  }

  async #insertShadows(forecasts: readonly NewForecast[], manager: EntityManager): Promise<void> {
    const shadows = forecasts.flatMap(({ forecastId, shadows = [] }) =>
      shadows.map((shadow) => ({ forecastId, ...shadow })),
    );
    if (shadows.length === 0) return;
    await manager.query(INSERT_SHADOWS, [
      shadows.map(({ forecastId }) => forecastId),
      shadows.map(({ model }) => model),
      shadows.map(({ modelSha256 }) => modelSha256 ?? null),
      ...endToEnd(shadows.map(({ quantiles }) => quantiles)),
    ]);
  }
}

function toTexts(forecast: NewForecast): Record<(typeof COLUMNS)[number][0], string | null> {
  return {
    forecast_id: forecast.forecastId,
    series_id: String(forecast.seriesId),
    run_id: forecast.runId,
    issued_at: forecast.issuedAt.toISOString(),
    cutoff: forecast.cutoff.toISOString(),
    freq: forecast.freq,
    time_zone: forecast.timeZone,
    horizon: String(forecast.mean.length),
    model: forecast.model,
    model_sha256: forecast.modelSha256,
    provider: forecast.provider,
    status: forecast.status,
    parts: JSON.stringify(forecast.parts),
    traceparent: forecast.traceparent,
    naive_error: forecast.naiveError == null ? null : String(forecast.naiveError),
  };
}

/** Parameters for arrays of all rows: their values end to end, and the first and last place of each row, from 1. */
function endToEnd(arrays: readonly ArrayLike<number>[]): [values: Buffer, from: Buffer, to: Buffer] {
  const bounds = [0];
  for (const { length } of arrays) bounds.push(bounds.at(-1)! + length);
  const values = new Float64Array(bounds.at(-1)!);
  arrays.forEach((one, i) => values.set(one, bounds[i]));
  return [float8Array(values), int4Array(bounds.slice(0, -1).map((bound) => bound + 1)), int4Array(bounds.slice(1))];
}
