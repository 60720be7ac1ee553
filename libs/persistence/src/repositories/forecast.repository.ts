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
] as const;

// An array of arrays can't be unnested by rows, so everything travels as text and is cast here.
const INSERT = `
  INSERT INTO forecasts (${COLUMNS.map(([name]) => name).join(', ')})
  SELECT ${COLUMNS.map(([name, type]) => `${name}::${type}`).join(', ')}
  FROM unnest(${COLUMNS.map((_, i) => `$${i + 1}::text[]`).join(', ')}) AS row (${COLUMNS.map(([name]) => name).join(', ')})`;

/** Writes forecasts. A stored forecast is never updated. */
export class ForecastRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** Stores all in one statement, so that either all are there or none is. */
  async insert(forecasts: readonly NewForecast[], manager: EntityManager = this.dataSource.manager): Promise<void> {
    if (forecasts.length === 0) return;
    const rows = forecasts.map(toTexts);
    await manager.query(
      INSERT,
      COLUMNS.map(([name]) => rows.map((row) => row[name])),
    );
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
  };
}

// A number as JavaScript prints it is the shortest text that reads back as the same double.
function arrayLiteral(values: ArrayLike<number>): string {
  return `{${Array.prototype.join.call(values, ',')}}`;
}
