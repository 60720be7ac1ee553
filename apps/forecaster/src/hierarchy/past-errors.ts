import type { Forecaster } from '@app/forecasters';
import { PlatformError } from '@app/observability';
import type { ContextWindow, QuantileForecast } from '@app/series';

import { forecastEach } from '../forecast-each.js';

/** Errors of the forecasts of all nodes, at times at which all of them are known. */
export interface PastErrors {
  /** `back-test` by the model itself; `seasonal-naive` where the context is too short for it; `none` where it is for both. */
  readonly source: 'back-test' | 'seasonal-naive' | 'none';
  /** One array a node, all of one length. */
  readonly errors: Float64Array[];
}

/** Times in the context from which the model forecasts again. */
const ORIGINS = 8;
/** They lie in its newest part, which is this share of it. */
const SHARE = 0.5;
/** With fewer times than this nothing can be said. */
const FEWEST = 8;

/**
 * What the forecasts of the nodes missed by. The model forecasts each node again from up to 8 earlier times, with nothing
 * but what lies before them.
 *
 * Errors of forecasts that add up themselves, such as those of seasonal naive, or of the leaves alone, would not do: with
 * a covariance of the form S·B·Sᵀ + A every B gives the same projection as A alone, so they say nothing of how nodes go
 * together.
 */
export async function pastErrors(
  forecaster: Forecaster,
  windows: readonly ContextWindow[],
  horizon: number,
): Promise<PastErrors> {
  const length = Math.min(...windows.map(({ target }) => target.length));
  const steps = Math.min(horizon, Math.floor((SHARE * length) / ORIGINS));
  const back = steps === 0 ? [] : await backTest(forecaster, windows, steps);
  if (back.length >= FEWEST) return { source: 'back-test', errors: transpose(back, windows.length) };
  const naive = seasonalErrors(windows, length);
  if (naive.length >= FEWEST) return { source: 'seasonal-naive', errors: transpose(naive, windows.length) };
  return { source: 'none', errors: windows.map(() => new Float64Array(0)) };
}

/** One row of errors for each origin and step at which all nodes are known. */
async function backTest(forecaster: Forecaster, windows: readonly ContextWindow[], steps: number): Promise<number[][]> {
  const rows: number[][] = [];
  // One after the other: together they would be a call of eight times as many series.
  for (let origin = 1; origin <= ORIGINS; origin++) {
    const back = origin * steps;
    const earlier = windows.map((window) => cutBack(window, back));
    const made = await forecastEach(forecaster, earlier, steps);
    // A model that can't do with the shorter context has no error there.
    if (made.some((forecast) => forecast instanceof PlatformError)) continue;
    for (let step = 0; step < steps; step++) {
      const error = ({ target }: ContextWindow, node: number) =>
        target[target.length - back + step]! - (made[node] as QuantileForecast).mean[step]!;
      rows.push(windows.map(error));
    }
  }
  return rows.filter(allKnown);
}

function cutBack(window: ContextWindow, back: number): ContextWindow {
  const { freq, timeZone, cutoff, target } = window;
  return { ...window, target: target.slice(0, -back), cutoff: freq.addTo(cutoff, -back, timeZone) };
}

function seasonalErrors(windows: readonly ContextWindow[], length: number): number[][] {
  const season = Math.max(...windows.map((window) => window.season));
  return Array.from({ length: Math.max(0, length - season) }, (_, i) =>
    windows.map(({ target }) => target[target.length - 1 - i]! - target[target.length - 1 - i - season]!),
  ).filter(allKnown);
}

function allKnown(row: readonly number[]): boolean {
  return row.every((error) => !Number.isNaN(error));
}

function transpose(rows: readonly number[][], width: number): Float64Array[] {
  return Array.from({ length: width }, (_, node) => Float64Array.from(rows, (row) => row[node]!));
}
