import {
  backtestWindows,
  ForecastScorer,
  type BacktestWindow,
  type ForecastingEntry,
  type ForecastScores,
} from '@app/evaluation';
import type { Forecaster } from '@app/forecasters';
import { Frequency, type ContextWindow } from '@app/series';

import { readSeries } from './dataset.js';
import type { Progress } from './progress.js';

/** Windows in one call to a forecaster: enough to fill its batches, few enough to report progress. */
const CHUNK = 256;

/** Scores of one model on one set, and what a forecast cost. */
export interface ModelResult extends ForecastScores {
  readonly msPerForecast: number;
}

/** Runs every forecaster over every window of a set, on the code path that serves. */
export async function evaluateSet(
  folder: string,
  entry: ForecastingEntry,
  forecasters: ReadonlyMap<string, Forecaster>,
  progress: Progress,
): Promise<Record<string, ModelResult>> {
  const series = await readSeries(folder, entry);
  const windows = series.flatMap((one) =>
    [...backtestWindows(one, entry)].map((window) => ({ window, context: contextOf(window, one.start, entry) })),
  );
  if (windows.length === 0) throw new Error(`${entry.name} has no window with 8 observed points and a target`);

  const results: Record<string, ModelResult> = {};
  for (const [name, forecaster] of forecasters) {
    const scorer = new ForecastScorer(entry.seasonality);
    const started = performance.now();
    for (let i = 0; i < windows.length; i += CHUNK) {
      const chunk = windows.slice(i, i + CHUNK);
      const forecasts = await forecaster.forecast(
        chunk.map(({ context }) => context),
        entry.predictionLength,
      );
      chunk.forEach(({ window }, j) => scorer.add(window.context, window.target, forecasts[j]!));
      progress.report(`${entry.name} ${name}`, Math.min(i + CHUNK, windows.length), windows.length);
    }
    results[name] = { ...scorer.scores(), msPerForecast: (performance.now() - started) / windows.length };
  }
  return results;
}

/** The window as serving would have made it: from the first observed point on, NaN where missing. */
function contextOf(window: BacktestWindow, start: number, entry: ForecastingEntry): ContextWindow {
  const freq = Frequency.parse(entry.freq)!;
  const last = window.context.findLastIndex((value) => !Number.isNaN(value));
  // Serving ends a context with its last observed point; a set whose context ends in a gap is forecast from the origin
  // all the same, so the gap stays in the window.
  const first = window.context.findIndex((value) => !Number.isNaN(value));
  if (last < 0) throw new Error(`${entry.name} ${window.id}: a context without a point`);
  return {
    itemId: window.id,
    channel: 'value',
    freq,
    timeZone: 'UTC',
    season: entry.seasonality,
    cutoff: freq.addTo(start, window.offset + window.context.length - 1),
    target: window.context.slice(first),
  };
}
