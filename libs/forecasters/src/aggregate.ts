import { meanOfQuantiles, type ContextWindow, type QuantileForecast } from '@app/series';
import { modelShares, reachOf } from '@app/uncertainty';
import {
  AGGREGATE,
  SPECK,
  UNCALIBRATED,
  combine,
  learntFor,
  weigh,
  type Candidate,
  type Plan,
  type SeriesKnowledge,
} from './aggregation-plan.js';
import { whyNotNeural, type NeuralForecaster } from './auto.js';
import { trialsOf, type Trial } from './back-test.js';
import { requireObservations } from './context.js';
import type { Forecaster } from './forecaster.js';
import type { Together } from './network.js';
import { observedPoints } from './observed-points.js';
import { ask, type Member, type Opinion, type Question } from './opinion.js';
import type { RecentForecaster } from './recent-forecaster.js';

export interface AggregateOptions {
  readonly networks: readonly NeuralForecaster[];
  /** Networks that see the last points only. */
  readonly recent: readonly RecentForecaster[];
  /** Always heard, never weighted: what is served must not lose to it. */
  readonly naive: Forecaster;
  /** Fitted to windows with a season, and to those without, where the trial says that it is worth it. */
  readonly seasonal: Forecaster;
  readonly plain: Forecaster;
  /** For windows that no network is for. */
  readonly otherwise: Forecaster;
  /** Why a network is not among them, by model; goes into the parts of each forecast. */
  readonly missing?: Readonly<Record<string, string>>;
}

/** Whether a fitted model is needed on a window, by index of the window. */
type Wanted = (index: number) => boolean;

/**
 * `model: "auto"`: every network whose context is met, one that sees the last points only, and the baseline that applies,
 * weighted, aggregated, uncrossed and calibrated into one forecast. Weights and calibration are what the scorecard has
 * taught about the series; where it has not yet, weights come from a trial inside the context, and where that is too
 * short, networks count alike. Windows that no network is for get the best baseline.
 */
export class AggregateForecaster implements Forecaster {
  readonly name = 'auto';

  /** @param pinned the models that are heard, whatever a trial says; otherwise those that have earned it. */
  constructor(
    private readonly options: AggregateOptions,
    private readonly pinned?: ReadonlySet<string>,
  ) {}

  /**
   * The same with these of its models, and no others that have come since: for a forecast that was made of them. What had
   * to earn its weight is not asked to earn it again: rounding could tip it over.
   */
  only(names: readonly string[]): AggregateForecaster {
    const among = ({ name }: Forecaster) => names.includes(name);
    const { networks, recent } = this.options;
    const options = { ...this.options, networks: networks.filter(among), recent: recent.filter(among) };
    return new AggregateForecaster(options, new Set(names));
  }

  get together(): Together | undefined {
    return this.options.networks.find(({ together }) => together !== undefined)?.together;
  }

  async forecast(
    windows: readonly ContextWindow[],
    horizon: number,
    beside: readonly ContextWindow[] = [],
    knowledge: readonly (SeriesKnowledge | undefined)[] = [],
  ): Promise<QuantileForecast[]> {
    windows.forEach(requireObservations);
    const { networks, otherwise, missing } = this.options;
    const trusted = (window: ContextWindow) => networks.some((one) => !whyNotNeural(one, window, horizon));
    const indices = windows.flatMap((window, i) => (trusted(window) ? [i] : []));
    const trusting = new Set(indices);
    const others = windows.filter((_, i) => !trusting.has(i));
    const fewest = Math.min(...networks.map(({ minContext }) => minContext));
    const trials = trialsOf(windows, horizon, fewest).filter(
      ({ index }) => trusting.has(index) && !this.#learnt(windows[index]!, horizon, knowledge[index]),
    );
    const [opinions, instead] = await Promise.all([
      indices.length > 0 ? this.#hear({ windows, indices, trials, horizon, beside }, knowledge) : [],
      others.length > 0 ? otherwise.forecast(others, horizon, beside) : [],
    ]);
    // All networks failed on these.
    const isNetwork = ({ forecaster }: Opinion) => networks.some((one) => one === forecaster);
    const lost = new Set(indices.filter((i) => !opinions.some((one) => isNetwork(one) && one.forecasts.has(i))));
    const forlorn = windows.filter((_, i) => lost.has(i));
    const found = forlorn.length > 0 ? await otherwise.forecast(forlorn, horizon, beside) : [];

    const trialOf = new Map(trials.map((trial) => [trial.index, trial]));
    const [nextInstead, nextFound] = [instead.values(), found.values()];
    return windows.map((window, i) => {
      if (!trusting.has(i)) return nextInstead.next().value!;
      if (lost.has(i)) return nextFound.next().value!;
      const forecast = put(window, i, opinions, trialOf.get(i), knowledge[i]);
      return missing ? because(forecast, missing) : forecast;
    });
  }

  /** What the scorecard has taught about the models that will be heard on a window; undefined where they need a trial. */
  #learnt(window: ContextWindow, horizon: number, knowledge: SeriesKnowledge | undefined) {
    if (!knowledge?.weights) return undefined;
    const { networks, recent, seasonal, plain } = this.options;
    const heard = [
      ...networks.filter((one) => !whyNotNeural(one, window, horizon)),
      ...recent.filter((one) => one.whyNot(window, horizon) === undefined),
      window.season > 1 ? seasonal : plain,
    ];
    return learntFor(
      knowledge.weights.weights,
      heard.map(({ name }) => name),
    );
  }

  /** Networks, and what costs as good as nothing, on every window; what has to be fitted where it has earned a weight. */
  async #hear(question: Question, knowledge: readonly (SeriesKnowledge | undefined)[]): Promise<Opinion[]> {
    const { networks, recent, naive, seasonal, plain } = this.options;
    const { windows, horizon, trials } = question;
    const seasons = (wanted: boolean) => (window: ContextWindow) =>
      window.season > 1 === wanted ? undefined : `for series ${wanted ? 'with' : 'without'} a season`;
    const fitted: Member[] = [
      { forecaster: seasonal, whyNot: seasons(true) },
      { forecaster: plain, whyNot: seasons(false) },
    ];
    const [heard, tried, reference] = await Promise.all([
      Promise.all([
        ...networks.map((one) =>
          ask({ forecaster: one, whyNot: (window) => whyNotNeural(one, window, horizon)?.reason }, question),
        ),
        ...recent.map((one) => ask({ forecaster: one, whyNot: (window) => one.whyNot(window, horizon) }, question)),
      ]),
      Promise.all(fitted.map((one) => ask(one, { ...question, indices: [] }))),
      ask({ forecaster: naive, whyNot: () => undefined }, { ...question, trials: [] }),
    ]);
    const trialOf = new Map(trials.map((trial) => [trial.index, trial]));
    const wanted =
      (name: string): Wanted =>
      (index) => {
        if (this.pinned) return this.pinned.has(name);
        const known = knowledge[index] ?? {};
        if (known.champion?.model === name) return true;
        const trial = trialOf.get(index);
        const weights = trial
          ? weigh(candidatesFor(index, [...heard, ...tried]), trial.actual, known).weights
          : this.#learnt(windows[index]!, horizon, known);
        return weights !== undefined && (modelShares(weights)[name] ?? 0) >= SPECK;
      };
    const full = await Promise.all(
      fitted.map((one, i) => this.#fit(one, tried[i]!, question, wanted(one.forecaster.name))),
    );
    return [...heard, reference, ...full];
  }

  /** A fitted model on the windows on which it is wanted; what it said in trials is at hand. */
  async #fit(member: Member, tried: Opinion, question: Question, wanted: Wanted): Promise<Opinion> {
    const applies = question.indices.filter((i) => member.whyNot(question.windows[i]!) === undefined);
    const indices = applies.filter(wanted);
    const said = await ask(member, { ...question, indices, trials: [] });
    const refusals = new Map([
      ...question.indices.map((i) => [i, member.whyNot(question.windows[i]!) ?? NOT_WORTH_IT] as const),
      ...tried.refusals,
      ...said.refusals,
    ]);
    for (const i of said.forecasts.keys()) refusals.delete(i);
    return { ...said, trials: tried.trials, refusals };
  }
}

const NOT_WORTH_IT = 'passed over: it has not earned a weight that would be worth fitting it';

/** Who has said something about one window, or about its trial. */
function candidatesFor(index: number, opinions: readonly Opinion[]): Omit<Candidate, 'quantiles'>[] {
  return opinions.flatMap(({ forecaster, forecasts, trials }) => {
    if (!forecasts.has(index) && !trials.has(index)) return [];
    const trial = trials.get(index)?.quantiles;
    return [{ model: forecaster.name, ...(trial && { trial }) }];
  });
}

/** Adds reasons that hold for all windows. */
function because(forecast: QuantileForecast, reasons: Readonly<Record<string, string>>): QuantileForecast {
  return { ...forecast, parts: { ...forecast.parts, chosen: { ...(forecast.parts.chosen as object), ...reasons } } };
}

/** The forecast of one window out of all opinions on it. */
function put(
  window: ContextWindow,
  index: number,
  opinions: readonly Opinion[],
  trial: Trial | undefined,
  knowledge: SeriesKnowledge | undefined,
): QuantileForecast {
  const heard = opinions.flatMap(({ forecasts }) => forecasts.get(index) ?? []);
  const candidates: Candidate[] = opinions.flatMap(({ forecasts, trials }) => {
    const forecast = forecasts.get(index);
    if (!forecast) return [];
    const { model, modelSha256, quantiles } = forecast;
    const past = trials.get(index)?.quantiles;
    return [{ model, modelSha256, quantiles, ...(past && { trial: past }) }];
  });
  const { served, raw, plan } = combine(candidates, trial?.actual, knowledge, reachOf(window.target));
  const champion = plan.champion && heard.find(({ model }) => model === plan.champion!.model);
  const chosen = Object.fromEntries([
    ...(champion ? [] : [[AGGREGATE, `the weighted mean of ${Object.keys(plan.models).length} models`] as const]),
    ...heard.map(({ model }) => [model, `weight ${(plan.models[model] ?? 0).toFixed(3)}`] as const),
    ...opinions.flatMap(({ forecaster, refusals }) => {
      const reason = refusals.get(index);
      return reason === undefined ? [] : [[forecaster.name, reason] as const];
    }),
  ]);
  return {
    itemId: window.itemId,
    channel: window.channel,
    model: champion ? champion.model : AGGREGATE,
    modelSha256: champion?.modelSha256,
    provider: champion?.provider ?? providersOf(heard, plan),
    freq: window.freq,
    timeZone: window.timeZone,
    cutoff: window.cutoff,
    mean: meanOfQuantiles(served),
    quantiles: served,
    status: 'ok',
    parts: {
      contextPoints: window.target.length,
      observed: observedPoints(window),
      season: window.season,
      aggregation: {
        ...plan,
        sha256: Object.fromEntries(
          heard.flatMap(({ model, modelSha256 }) => (modelSha256 ? [[model, modelSha256]] : [])),
        ),
      },
      chosen,
      ...fallbacksOf(champion ? [champion] : heard),
    },
    shadows: [
      ...candidates
        .filter(({ model }) => model !== plan.champion?.model)
        .map(({ model, modelSha256, quantiles }) => ({ model, modelSha256, quantiles })),
      { model: UNCALIBRATED, quantiles: raw },
    ],
  };
}

/** Of the networks behind the forecast, why they do not run where they were wanted to; nothing where all do. */
function fallbacksOf(heard: readonly QuantileForecast[]): { providerFallback?: Record<string, string> } {
  const fallbacks = heard.map(({ parts }) => parts.providerFallback as Record<string, string> | undefined);
  return fallbacks.some(Boolean) ? { providerFallback: Object.assign({}, ...fallbacks) as Record<string, string> } : {};
}

/** Where the models ran that are part of the forecast. */
function providersOf(heard: readonly QuantileForecast[], { models }: Plan): string {
  return [...new Set(heard.filter(({ model }) => model in models).map(({ provider }) => provider))].join('+');
}
