import type { ContextWindow, QuantileForecast } from '@app/series';

/** Anything that turns context windows into forecasts: a neural family, a baseline, or `auto`, which chooses. */
export interface Forecaster {
  /** What callers ask for: `auto`, `ttm/base`, `seasonal-naive`, … */
  readonly name: string;

  /**
   * Forecasts each window `horizon` steps ahead, off the thread that calls. Windows are independent of each other; the
   * answer has their order. The windows are not changed.
   *
   * @param windows each with at least one observed value.
   * @param horizon steps, at least 1.
   * @throws PlatformError NO_OBSERVATIONS, HORIZON_TOO_LONG, INFERENCE_FAILED, or OVERLOADED when the queue is full.
   */
  forecast(windows: readonly ContextWindow[], horizon: number): Promise<QuantileForecast[]>;
}

/** One line of `GET /models`. */
export interface ModelDescription {
  readonly name: string;
  /** `ttm`, …; for baselines their own name. */
  readonly family: string;
  readonly kind: 'neural' | 'baseline';
  readonly state: 'ready' | 'refused';
  /** Why a package was refused: names the file or key at fault. */
  readonly reason?: string;
  /** Where it runs, as proven at load: `cpu`, `cuda`, `webgpu`; `js` for baselines. */
  readonly provider?: string;
  /** Why it does not run where the configuration wanted it to. */
  readonly providerFallback?: string;
  readonly version?: string;
  readonly sha256?: string;
  /** Points that the model sees. */
  readonly contextLength?: number;
  /** Steps of one run; longer horizons are rolled. */
  readonly predictionLength?: number;
  /** Observed points from which `auto` trusts the model. */
  readonly minContext?: number;
  readonly licence?: string;
  readonly parameters?: number;
  /** What was measured when the package was made. */
  readonly metrics?: Readonly<Record<string, unknown>>;
}
