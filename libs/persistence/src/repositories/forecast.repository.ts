import type { DataSource, EntityManager } from 'typeorm';

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

/** Columns and how each comes out of an array of texts. */
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
  ['levels', 'float8[]'],
  ['mean', 'float8[]'],
  ['quantiles', 'float8[]'],
  ['status', 'text'],
  ['parts', 'jsonb'],
  ['traceparent', 'text'],
  ['naive_error', 'float8'],
] as const;

// An array of arrays can't be unnested by rows, so everything travels as text and is cast here.
const INSERT = `
  INSERT INTO forecasts (${COLUMNS.map(([name]) => name).join(', ')})
  SELECT ${COLUMNS.map(([name, type]) => `${name}::${type}`).join(', ')}
  FROM unnest(${COLUMNS.map((_, i) => `$${i + 1}::text[]`).join(', ')}) AS row (${COLUMNS.map(([name]) => name).join(', ')})`;

const INSERT_SHADOWS = `
  INSERT INTO shadow_forecasts (forecast_id, model, model_sha256, quantiles)
  SELECT forecast_id, model, model_sha256, quantiles::float8[]
  FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) AS row (forecast_id, model, model_sha256, quantiles)`;

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
    await manager.query(
      INSERT,
      COLUMNS.map(([name]) => rows.map((row) => row[name])),
    );
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
      shadows.map(({ quantiles }) => arrayLiteral(quantiles)),
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
    levels: arrayLiteral(forecast.levels),
    mean: arrayLiteral(forecast.mean),
    quantiles: arrayLiteral(forecast.quantiles),
    status: forecast.status,
    parts: JSON.stringify(forecast.parts),
    traceparent: forecast.traceparent,
    naive_error: forecast.naiveError == null ? null : String(forecast.naiveError),
  };
}

// A number as JavaScript prints it is the shortest text that reads back as the same double.
function arrayLiteral(values: ArrayLike<number>): string {
  return `{${Array.prototype.join.call(values, ',')}}`;
}
