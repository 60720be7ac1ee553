import { PlatformError } from '@app/observability';
import type { ContextWindow, QuantileForecast } from '@app/series';
import { requireObservations } from './context.js';
import type { Forecaster } from './forecaster.js';
import { observedPoints } from './observed-points.js';

/** Runs of its own length that a network is trusted to be rolled; beyond, errors feed on themselves. */
const MOST_BLOCKS = 8;

/** What a network fails of; anything else is about the call, or the platform. */
const FAILURES: ReadonlySet<string> = new Set(['INFERENCE_FAILED', 'MODEL_TOO_SLOW', 'MODEL_TOO_LARGE']);

/** A network that is ready, and when to trust it. */
export interface NeuralForecaster extends Forecaster {
  /** Observed points that it needs in its context. */
  readonly minContext: number;
  /** Steps of one run. */
  readonly predictionLength: number;
}

export interface AutoOptions {
  readonly neural?: NeuralForecaster;
  /** Why there is no network, by model; goes into the parts of each forecast. */
  readonly missing?: Readonly<Record<string, string>>;
  /** The best baseline for each window. */
  readonly baseline: Forecaster;
}

/**
 * `model: "auto"` of one family, the cheap mode: the network where its context is met well enough, otherwise the best baseline, so that there is an
 * answer from the first point of a series. What was passed over, and why, is in `parts.chosen`.
 */
export class AutoForecaster implements Forecaster {
  readonly name = 'auto';

  constructor(private readonly options: AutoOptions) {}

  async forecast(windows: readonly ContextWindow[], horizon: number): Promise<QuantileForecast[]> {
    windows.forEach(requireObservations);
    const { neural } = this.options;
    const refusals = windows.map((window) => (neural ? whyNotNeural(neural, window, horizon) : undefined));
    const trusted = windows.filter((_, i) => neural && refusals[i] === undefined);
    const others = windows.filter((_, i) => !neural || refusals[i] !== undefined);
    const [networks, baselines] = await Promise.all([
      neural && trusted.length > 0 ? this.#network(neural, trusted, horizon) : [],
      others.length > 0 ? this.options.baseline.forecast(others, horizon) : [],
    ]);

    const [nextNetwork, nextBaseline] = [networks.values(), baselines.values()];
    return windows.map((_, i) => {
      if (!neural) return passedOver(nextBaseline.next().value!, this.options.missing ?? {});
      const refusal = refusals[i];
      if (refusal === undefined) return nextNetwork.next().value!;
      const forecast = passedOver(nextBaseline.next().value!, { [neural.name]: refusal.reason });
      return refusal.short ? { ...forecast, status: 'short-context' as const } : forecast;
    });
  }

  async #network(
    neural: NeuralForecaster,
    windows: readonly ContextWindow[],
    horizon: number,
  ): Promise<QuantileForecast[]> {
    try {
      const forecasts = await neural.forecast(windows, horizon);
      return forecasts.map((forecast) => because(forecast, { [forecast.model]: 'its context is met' }));
    } catch (error) {
      // An overloaded platform must say so; a network that fails must not leave a series without an answer.
      if (!(error instanceof PlatformError) || !isFailure(error)) throw error;
      const forecasts = await this.options.baseline.forecast(windows, horizon);
      return forecasts.map((forecast) => passedOver(forecast, { [neural.name]: `failed: ${error.message}` }));
    }
  }
}

/** Whether an error is about the model alone, so that others may stand in. */
export function isFailure({ code }: PlatformError): boolean {
  return FAILURES.has(code);
}

/** Why a window is not for the network; undefined when it is. */
export function whyNotNeural(
  neural: NeuralForecaster,
  window: ContextWindow,
  horizon: number,
): { reason: string; short: boolean } | undefined {
  const observed = observedPoints(window);
  if (observed < neural.minContext) {
    return { reason: `passed over: ${observed} of ${neural.minContext} observed points that it needs`, short: true };
  }
  const most = MOST_BLOCKS * neural.predictionLength;
  if (horizon > most) return { reason: `passed over: horizon ${horizon} is beyond ${most} steps`, short: false };
  return undefined;
}

/** Adds what was not used to the reasons. */
function passedOver(forecast: QuantileForecast, reasons: Readonly<Record<string, string>>): QuantileForecast {
  return because(forecast, { ...reasons, ...(forecast.parts.chosen as Record<string, string> | undefined) });
}

function because(forecast: QuantileForecast, chosen: Readonly<Record<string, string>>): QuantileForecast {
  return { ...forecast, parts: { ...forecast.parts, chosen } };
}
