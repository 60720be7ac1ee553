import { ForecastScorer, type ForecastingEntry, type ForecastScores, type ScoredForecast } from '@app/evaluation';
import type { AggregateForecaster, LearntWeights } from '@app/forecasters';
import { AGGREGATE, UNCALIBRATED } from '@app/forecasters';
import { Frequency, seasonalDifference } from '@app/series';

import { groupWeightsOf } from '../../../forecaster/src/calibration/learn.js';
import { readWindows, type Window } from './forecasting.js';
import { OnlineSeries } from './online-series.js';
import type { Progress } from './progress.js';

/** Scored points from which on a series counts: by then its calibration has what it wants to see. */
const SETTLED_POINTS = 200;
/** Origins from one fit of the group's weights to the next. */
const ORIGINS_A_GROUP_FIT = 7;

/** What an online run of a set came to, over the windows of settled series. */
export interface OnlineResult {
  /** What was served. */
  readonly served: ForecastScores;
  /** The same windows before their intervals were calibrated. */
  readonly uncalibrated: ForecastScores;
  /** Windows served by a champion other than the aggregate. */
  readonly fallbacks: number;
}

/**
 * Walks through the origins of a set in time order, as a platform that runs: actuals arrive, are scored, and teach weights,
 * calibration and champion to the next forecast. Undefined where no series comes to have enough scored points.
 */
export async function evaluateOnline(
  folder: string,
  entry: ForecastingEntry,
  auto: AggregateForecaster,
  progress: Progress,
): Promise<OnlineResult | undefined> {
  const windows = await readWindows(folder, entry);
  const origins = byCutoff(windows);
  if (origins.length < 2) return undefined;
  const stepMs = Frequency.parse(entry.freq)!.approxMs;
  const series = new Map<string, OnlineSeries>();
  const scorers = { served: newScorer(entry), uncalibrated: newScorer(entry) };
  let group: LearntWeights | undefined;
  let fallbacks = 0;
  let settled = 0;
  for (const [turn, now] of origins.entries()) {
    for (const { window, context } of now) {
      const own = series.get(window.id) ?? new OnlineSeries(stepMs, entry.predictionLength);
      series.set(window.id, own);
      // What has come since the forecast before: the end of the context.
      const fresh = turn === 0 ? 0 : Math.min(entry.stride, context.target.length);
      for (let i = fresh; i > 0; i--) {
        const value = context.target.at(-i)!;
        if (!Number.isNaN(value)) own.arrive(context.cutoff - (i - 1) * stepMs, value);
      }
      own.review(group);
    }
    if (turn % ORIGINS_A_GROUP_FIT === ORIGINS_A_GROUP_FIT - 1) {
      const fitted = groupWeightsOf([...series.values()].map((one) => one.samples()));
      if (fitted) group = { version: turn, weights: fitted.weights };
    }
    const contexts = now.map(({ context }) => context);
    const known = now.map(({ window }) => series.get(window.id)!.knowledge);
    const forecasts = await auto.forecast(contexts, entry.predictionLength, [], known);
    now.forEach(({ window, context }, i) => {
      const own = series.get(window.id)!;
      const forecast = forecasts[i]!;
      own.issue(forecast, seasonalDifference(context.target, context.season));
      if (own.scored < SETTLED_POINTS) return;
      settled++;
      if (forecast.model !== AGGREGATE) fallbacks++;
      const add = (scorer: ForecastScorer, one: ScoredForecast) => scorer.add(window.context, window.target, one);
      add(scorers.served, forecast);
      const raw = forecast.shadows?.find(({ model }) => model === UNCALIBRATED)?.quantiles ?? forecast.quantiles;
      add(scorers.uncalibrated, { mean: forecast.mean, quantiles: raw });
    });
    progress.report(`${entry.name} online`, turn + 1, origins.length);
  }
  if (settled === 0) return undefined;
  const { served, uncalibrated } = scorers;
  return { served: served.scores(), uncalibrated: uncalibrated.scores(), fallbacks };
}

function newScorer({ seasonality }: ForecastingEntry): ForecastScorer {
  return new ForecastScorer(seasonality);
}

/** Windows by the time at which they are forecast, oldest first. */
function byCutoff(windows: readonly Window[]): Window[][] {
  const origins = new Map<number, Window[]>();
  for (const one of windows) origins.set(one.context.cutoff, [...(origins.get(one.context.cutoff) ?? []), one]);
  return [...origins].sort(([a], [b]) => a - b).map(([, own]) => own);
}
