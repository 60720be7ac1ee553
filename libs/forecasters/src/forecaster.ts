import type { ErrorCode } from '@app/observability';
import type { ContextWindow, QuantileForecast } from '@app/series';
import type { Together } from './network.js';

/** Anything that turns context windows into forecasts: a neural family, a baseline, or `auto`, which chooses. */
export interface Forecaster {
  /** What callers ask for: `auto`, `ttm/base`, `seasonal-naive`, … */
  readonly name: string;

  /**
   * Which channels of an item are forecast together, each with the others before its eyes; undefined where every window is
   * forecast on its own. Who has further channels of an item gives them to `forecast` as well.
   */
  readonly together?: Together;

  /**
   * Forecasts each window `horizon` steps ahead, off the thread that calls. The answer has the order of the windows, which
   * are not changed. Where `together` is set, the windows of one item help each other, otherwise they are independent.
   *
   * @param windows each with at least one observed value.
   * @param horizon steps, at least 1.
   * @param beside windows of further channels of the same items, for which no answer is wanted.
   * @throws PlatformError NO_OBSERVATIONS, CHANNEL_NOT_IN_MODEL, HORIZON_TOO_LONG, INFERENCE_FAILED, or OVERLOADED when the
   * queue is full.
   */
  forecast(
    windows: readonly ContextWindow[],
    horizon: number,
    beside?: readonly ContextWindow[],
  ): Promise<QuantileForecast[]>;
}

/** One line of `GET /models`. */
export interface ModelDescription {
  readonly name: string;
  /** `ttm`, …; for baselines their own name. */
  readonly family: string;
  readonly kind: 'neural' | 'baseline';
  /** `unloaded`: proven, and back when it is asked for. */
  readonly state: 'ready' | 'unloaded' | 'refused';
  /** What is wrong with a package that was refused. */
  readonly code?: ErrorCode;
  /** Why a package was refused: names the file or key at fault. */
  readonly reason?: string;
  /** Newer files on the disk are not served, and why; the description is of what serves. */
  readonly refusedUpdate?: { readonly code: ErrorCode; readonly reason: string };
  /** Memory of its sessions when it is loaded, estimated. */
  readonly bytes?: number;
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
  /** Whether each channel is forecast on its own, or those of an item together. */
  readonly channelPolicy?: 'independent' | 'aligned' | 'mixing';
  /** Names of the channels for which the model was made, in their order; absent where it takes any. */
  readonly channels?: readonly string[];
  /** Observed points from which `auto` trusts the model. */
  readonly minContext?: number;
  readonly licence?: string;
  readonly parameters?: number;
  /** What was measured when the package was made. */
  readonly metrics?: Readonly<Record<string, unknown>>;
}
