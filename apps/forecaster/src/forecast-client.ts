import type { ModelDescription } from '@app/forecasters';
import type { ErrorCode } from '@app/observability';
import type { ForecastStatus } from '@app/series';

export type { ModelDescription } from '@app/forecasters';

/** Injection token of the port: `@Inject(FORECAST_CLIENT) private readonly forecaster: ForecastClient`. */
export const FORECAST_CLIENT = Symbol('FORECAST_CLIENT');

/**
 * How other roles ask for forecasts: in the same process (`LocalForecastClient`) or over HTTP (`HttpForecastClient`).
 * Everything that crosses it is plain JSON; times are ISO-8601 texts in UTC.
 */
export interface ForecastClient {
  /**
   * Forecasts many series in one call. A series that fails does not take the others with it: it is listed in `failures`.
   *
   * @throws PlatformError for a command that is wrong as a whole; and, where one series was asked for and failed, its
   * own error. FORECASTER_UNAVAILABLE when the forecaster can't be reached or does not answer in time.
   */
  forecast(command: ForecastCommand): Promise<ForecastOutcome>;

  /** The models that can be named in a command, with the provider that each is proven to run on. */
  models(): Promise<ModelDescription[]>;

  /**
   * Loads or unloads one package, or looks for new ones, and answers with all models.
   *
   * @throws PlatformError MODEL_NOT_FOUND; for `load` what is wrong with a package that is refused.
   */
  manageModels(command: ModelCommand): Promise<ModelDescription[]>;
}

/** What to do with model packages. */
export type ModelCommand =
  /** `name` is `<family>/<name>`. */
  { readonly action: 'load' | 'unload'; readonly name: string } | { readonly action: 'scan' };

/** What to forecast, how far and with what. */
export interface ForecastCommand {
  /** Stored and inline series, also mixed; in this order they are answered. Not empty. */
  readonly series: readonly (StoredSeries | InlineSeries)[];
  /** Steps ahead, at least 1. */
  readonly horizon: number;
  /** `auto`, or a name of `models()`. */
  readonly model: string;
  /** Forecast with what was known at this time; now when absent. For stored series. */
  readonly asOf?: string;
  /** W3C trace context of the request; forecasts keep it. */
  readonly traceparent?: string;
  /** Whether forecasts of stored series are kept. Those of inline series never are. */
  readonly store: boolean;
}

/** A series of the database; without `channel` every channel of the item. */
export interface StoredSeries {
  readonly itemId: string;
  readonly channel?: string;
}

/** A series that comes along with the command. */
export interface InlineSeries {
  readonly itemId: string;
  /** `value` when absent. */
  readonly channel?: string;
  /** ISO-8601 duration between points. */
  readonly freq: string;
  /** Time of the first point, ISO-8601 with an offset. */
  readonly start: string;
  /** One value a step, oldest first; null for a gap. */
  readonly target: readonly (number | null)[];
  /** IANA zone in which days and months are counted; UTC when absent. */
  readonly timeZone?: string;
  /** Points in the main season, 1 for none; inferred when absent. */
  readonly season?: number;
}

/** Forecasts and failures, each in the order of the command; channels of one item in ascending order. */
export interface ForecastOutcome {
  readonly forecasts: readonly IssuedForecast[];
  readonly failures: readonly ForecastFailure[];
}

/** A forecast as it was issued: at the canonical levels, in the units of the series. */
export interface IssuedForecast {
  /** Key of the stored row; null where it was not stored. */
  readonly forecastId: string | null;
  readonly itemId: string;
  readonly channel: string;
  /** What made it, never `auto`. */
  readonly model: string;
  readonly modelSha256: string | null;
  readonly provider: string;
  /** Last time of the context. */
  readonly cutoff: string;
  /** Time of step 1: one `freq` after the cutoff. */
  readonly start: string;
  /** ISO-8601 duration between steps. */
  readonly freq: string;
  readonly timeZone: string;
  /** Ascending, in (0, 1); always the canonical ones. */
  readonly levels: readonly number[];
  /** One value a step. */
  readonly mean: readonly number[];
  /** Steps × levels, row-major. */
  readonly quantiles: readonly number[];
  readonly status: ForecastStatus;
  /** What went into it. */
  readonly parts: Readonly<Record<string, unknown>>;
  readonly issuedAt: string;
}

/** Why a series has no forecast. */
export interface ForecastFailure {
  readonly itemId: string;
  /** Null where the item as a whole failed. */
  readonly channel: string | null;
  readonly code: ErrorCode;
  readonly message: string;
}
