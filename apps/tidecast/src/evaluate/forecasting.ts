import {
  backtestWindows,
  ForecastScorer,
  textbookSeasonalNaive,
  type BacktestWindow,
  type ForecastingEntry,
  type ForecastScores,
  type ScoredForecast,
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

/** What is measured: the forecasters asked for and, computed here, the seasonal naive of the textbook. */
export interface Contestants {
  readonly forecasters: ReadonlyMap<string, Forecaster>;
  /** Name of the textbook's forecast among the results. */
  readonly reference: string;
}

/** A window of the set, as it is scored and as it is forecast. */
export interface Window {
  readonly window: BacktestWindow;
  readonly context: ContextWindow;
}

/** Runs every forecaster over every window of a set, on the code path that serves. */
export async function evaluateSet(
  folder: string,
  entry: ForecastingEntry,
  { forecasters, reference }: Contestants,
  progress: Progress,
): Promise<Record<string, ModelResult>> {
  const chunks = chunksOf(await readWindows(folder, entry));
  const total = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  if (total === 0) throw new Error(`${entry.name} has no window with 8 observed points and a target`);

  const measure = async (name: string, forecast: (chunk: readonly Window[]) => Promise<ScoredForecast[]>) => {
    const scorer = new ForecastScorer(entry.seasonality);
    const started = performance.now();
    let done = 0;
    for (const chunk of chunks) {
      const forecasts = await forecast(chunk);
      chunk.forEach(({ window }, j) => scorer.add(window.context, window.target, forecasts[j]!));
      progress.report(`${entry.name} ${name}`, (done += chunk.length), total);
    }
    return { ...scorer.scores(), msPerForecast: (performance.now() - started) / total };
  };

  const results: Record<string, ModelResult> = {};
  for (const [name, forecaster] of forecasters) {
    results[name] = await measure(name, (chunk) =>
      forecaster.forecast(
        chunk.map(({ context }) => context),
        entry.predictionLength,
      ),
    );
  }
  results[reference] = await measure(reference, (chunk) =>
    Promise.resolve(
      chunk.map(({ window }) => textbookSeasonalNaive(window.context, entry.seasonality, entry.predictionLength)),
    ),
  );
  return results;
}

export async function readWindows(folder: string, entry: ForecastingEntry): Promise<Window[]> {
  const series = await readSeries(folder, entry);
  return series.flatMap((one) =>
    [...backtestWindows(one, entry)].map((window) => ({ window, context: contextOf(window, one.start, entry) })),
  );
}

/** Windows for one call each; those of one item and cutoff stay together, as they may be forecast together. */
function chunksOf(windows: readonly Window[]): Window[][] {
  const rows = new Map<string, Window[]>();
  for (const one of windows) {
    const key = `${one.context.cutoff} ${one.context.itemId}`;
    const row = rows.get(key);
    if (row) row.push(one);
    else rows.set(key, [one]);
  }
  const chunks: Window[][] = [];
  for (const row of rows.values()) {
    const last = chunks.at(-1);
    if (last && last.length + row.length <= CHUNK) last.push(...row);
    else chunks.push([...row]);
  }
  return chunks;
}

/** The window as serving would have made it: from the first observed point on, NaN where missing. */
function contextOf(window: BacktestWindow, start: number, entry: ForecastingEntry): ContextWindow {
  const freq = Frequency.parse(entry.freq)!;
  const last = window.context.findLastIndex((value) => !Number.isNaN(value));
  // Serving ends a context with its last observed point; a set whose context ends in a gap is forecast from the origin
  // all the same, so the gap stays in the window.
  const first = window.context.findIndex((value) => !Number.isNaN(value));
  if (last < 0) throw new Error(`${entry.name} ${window.id}: a context without a point`);
  // Channels of one item where the set is multivariate; elsewhere its series have nothing to do with each other.
  const name = entry.multivariate
    ? { itemId: entry.name, channel: window.id }
    : { itemId: window.id, channel: 'value' };
  return {
    ...name,
    freq,
    timeZone: 'UTC',
    season: entry.seasonality,
    cutoff: freq.addTo(start, window.offset + window.context.length - 1),
    target: window.context.slice(first),
  };
}
