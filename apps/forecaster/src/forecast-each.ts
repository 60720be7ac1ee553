import type { Forecaster } from '@app/forecasters';
import { PlatformError } from '@app/observability';
import type { ContextWindow, QuantileForecast } from '@app/series';

/**
 * Forecasts all windows in one call; a window that can't be forecast gets its error in its place and does not take the
 * others with it. Errors that are about no window in particular (full queue, broken worker) are thrown.
 *
 * @param beside windows of further channels of the same items, for which no answer is wanted.
 */
export async function forecastEach(
  forecaster: Forecaster,
  windows: readonly ContextWindow[],
  horizon: number,
  beside: readonly ContextWindow[] = [],
): Promise<(QuantileForecast | PlatformError)[]> {
  if (windows.length === 0) return [];
  try {
    const forecasts = await forecaster.forecast(windows, horizon, beside);
    return windows.map((window, i) => checked(forecasts[i], window, horizon));
  } catch (error) {
    if (!isAboutOneWindow(error)) throw error;
    if (windows.length === 1) return [error];
    // A forecaster answers for all or for none: halving finds the few that it can't do in few calls.
    const half = Math.ceil(windows.length / 2);
    const [first, second] = [windows.slice(0, half), windows.slice(half)];
    // Those of the other half still help, where channels of an item are forecast together.
    return [
      ...(await forecastEach(forecaster, first, horizon, [...beside, ...second])),
      ...(await forecastEach(forecaster, second, horizon, [...beside, ...first])),
    ];
  }
}

/** 422 is what a series' own data is told: too short, no observation. */
function isAboutOneWindow(error: unknown): error is PlatformError {
  return error instanceof PlatformError && error.status === 422;
}

/** What is stored and served is finite and complete, whatever a model made of an odd window. */
function checked(
  forecast: QuantileForecast | undefined,
  window: ContextWindow,
  horizon: number,
): QuantileForecast | PlatformError {
  const usable = forecast?.mean.length === horizon && forecast.mean.every(Number.isFinite);
  if (usable && forecast.quantiles.every(Number.isFinite)) return forecast;
  const message = `series ${window.itemId}/${window.channel}: the model gave numbers that are not finite`;
  return new PlatformError('INFERENCE_FAILED', `${message}; try another model`);
}
