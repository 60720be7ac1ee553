import { PlatformError, messageOf } from '@app/observability';
import type { ContextWindow, QuantileForecast } from '@app/series';
import { isFailure } from './auto.js';
import type { Trial } from './back-test.js';
import type { Forecaster } from './forecaster.js';
import { groupBy } from './group-by.js';

/** A model, and which windows it is for. */
export interface Member {
  readonly forecaster: Forecaster;
  /** Why a window is not for it; undefined when it is. */
  readonly whyNot: (window: ContextWindow) => string | undefined;
}

/** What a model is asked about. */
export interface Question {
  readonly windows: readonly ContextWindow[];
  /** Indices of the windows to forecast. */
  readonly indices: readonly number[];
  /** Trials to go through, of any windows. */
  readonly trials: readonly Trial[];
  readonly horizon: number;
  /** Windows that are forecast by something else: further channels for models of many. */
  readonly beside: readonly ContextWindow[];
}

/** What a model said about the windows that it was asked about, by index; and why about others not. */
export interface Opinion {
  readonly forecaster: Forecaster;
  readonly forecasts: ReadonlyMap<number, QuantileForecast>;
  readonly trials: ReadonlyMap<number, QuantileForecast>;
  readonly refusals: ReadonlyMap<number, string>;
}

/**
 * Asks a model about the windows that it is for, and about their trials. One that fails has no opinion.
 *
 * @throws PlatformError OVERLOADED, and whatever else is about the platform rather than the model.
 */
export async function ask({ forecaster, whyNot }: Member, question: Question): Promise<Opinion> {
  const { windows, horizon, beside } = question;
  const refusals = new Map<number, string>();
  const indices = question.indices.filter((i) => {
    const reason = whyNot(windows[i]!);
    if (reason !== undefined) refusals.set(i, reason);
    return reason === undefined;
  });
  const trials = question.trials.filter(
    ({ index, window }) => whyNot(windows[index]!) === undefined && whyNot(window) === undefined,
  );
  const own = new Set(indices);
  const aside = forecaster.together ? [...beside, ...windows.filter((_, i) => !own.has(i))] : [];
  try {
    const [forecasts, past] = await Promise.all([
      answer(
        forecaster,
        indices.map((i) => windows[i]!),
        horizon,
        aside,
      ),
      tryOut(forecaster, trials),
    ]);
    return {
      forecaster,
      forecasts: byIndex(forecaster, indices, forecasts),
      trials: past,
      refusals,
    };
  } catch (error) {
    // An overloaded platform must say so; a model that fails must not leave a series without an answer.
    if (!(error instanceof PlatformError) || !isFailure(error)) throw error;
    const asked = [...question.indices, ...question.trials.map(({ index }) => index)];
    for (const i of asked) refusals.set(i, `failed: ${messageOf(error)}`);
    return { forecaster, forecasts: new Map(), trials: new Map(), refusals };
  }
}

async function answer(
  forecaster: Forecaster,
  windows: readonly ContextWindow[],
  horizon: number,
  beside: readonly ContextWindow[] = [],
): Promise<QuantileForecast[]> {
  return windows.length === 0 ? [] : forecaster.forecast(windows, horizon, beside);
}

/** By index of the window; trials of one length go in one call. */
async function tryOut(forecaster: Forecaster, trials: readonly Trial[]): Promise<Map<number, QuantileForecast>> {
  const calls = [...groupBy(trials, ({ actual }) => actual.length)].map(async ([steps, alike]) => {
    const forecasts = await answer(
      forecaster,
      alike.map(({ window }) => window),
      steps,
    );
    return byIndex(
      forecaster,
      alike.map(({ index }) => index),
      forecasts,
    );
  });
  return new Map((await Promise.all(calls)).flatMap((answers) => [...answers]));
}

/** A baseline that does not apply has seasonal naive stand in, which is asked anyway. */
function byIndex(
  { name }: Forecaster,
  indices: readonly number[],
  forecasts: readonly QuantileForecast[],
): Map<number, QuantileForecast> {
  return new Map(
    forecasts.flatMap((forecast, i) => (forecast.model === name ? [[indices[i]!, forecast] as const] : [])),
  );
}
