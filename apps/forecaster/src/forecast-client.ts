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

  /**
   * Makes a stored forecast again from what was known then, with the models, weights and calibration that it was made with.
   *
   * @throws PlatformError NOT_FOUND, MODEL_NOT_FOUND, NO_OBSERVATIONS where none of its observations is left, and
   * REPLAY_UNAVAILABLE for a forecast that does not say what it was made of.
   */
  replay(forecastId: string): Promise<ReplayOutcome>;

  /**
   * Forecasts series that add up, so that their forecasts add up too. Nothing is stored.
   *
   * @throws PlatformError for a command that is wrong; HIERARCHY_INVALID where the series don't fit together; and the error
   * of the first series that can't be forecast, as a sum with a part missing is no sum.
   */
  reconcile(command: HierarchyCommand): Promise<HierarchyOutcome>;

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

/** A stored forecast that was made again. */
export interface ReplayOutcome {
  /** Whether all numbers are within the tolerance. */
  readonly reproduced: boolean;
  /** Largest distance of a mean or quantile from the stored one, and how much it may be; in the units of the series. */
  readonly largestDifference: number;
  readonly tolerance: number;
  /** What is not as it was; empty where everything is. */
  readonly differences: readonly ReplayDifference[];
  /** What it is now; nothing of it is stored. */
  readonly forecast: IssuedForecast;
}

/** A thing that went into a forecast and is another one now. */
export interface ReplayDifference {
  readonly part:
    'window' | 'channels' | 'model' | 'model-version' | 'provider' | 'models' | 'weights' | 'calibration' | 'champion';
  readonly message: string;
}

/** Which series add up to what, how far to forecast them and with what. */
export interface HierarchyCommand {
  /** Labels from the top down. Series that share a value, and those of the labels before it, add up. Not empty. */
  readonly by: readonly string[];
  readonly channel: string;
  /** Labels that all series must have. */
  readonly labels: Readonly<Record<string, string>>;
  readonly method: 'bottom_up' | 'min_trace';
  readonly horizon: number;
  readonly model: string;
  /** Forecast with what was known at this time; now when absent. */
  readonly asOf?: string;
}

/** Forecasts of sums and series from one cutoff; means add up. */
export interface HierarchyOutcome {
  readonly method: HierarchyCommand['method'];
  readonly cutoff: string;
  readonly freq: string;
  readonly timeZone: string;
  /** Past errors that tell how series go together: where from, how many, and how far their correlations were shrunk. */
  readonly errors: {
    readonly source: 'back-test' | 'seasonal-naive' | 'none';
    readonly count: number;
    readonly shrinkage: number;
  };
  /** No series was ever below zero, so no forecast is. */
  readonly nonNegative: boolean;
  /** The total, the sums below it, and the series. */
  readonly nodes: readonly NodeForecast[];
}

/** Forecast of a sum, or of a series. */
export interface NodeForecast {
  /** Values of the labels from the first on; empty for the total. */
  readonly path: Readonly<Record<string, string>>;
  /** Of a series; null for a sum. */
  readonly itemId: string | null;
  /** Series below it, itself included. */
  readonly leaves: number;
  /** What made its forecast before it was reconciled. */
  readonly model: string;
  /** One value a step. */
  readonly mean: readonly number[];
  /** Steps × canonical levels, row-major. */
  readonly quantiles: readonly number[];
}
