import { PlatformError, messageOf } from '@app/observability';
import { meanOfQuantiles, type ContextWindow, type QuantileForecast } from '@app/series';
import { AGGREGATE, UNCALIBRATED, combine, type Candidate, type SeriesKnowledge } from './aggregation-plan.js';
import { isFailure, whyNotNeural, type NeuralForecaster } from './auto.js';
import { trialsOf, type Trial } from './back-test.js';
import { requireObservations } from './context.js';
import type { Forecaster } from './forecaster.js';
import type { Together } from './network.js';
import { observedPoints } from './observed-points.js';

export interface AggregateOptions {
  readonly networks: readonly NeuralForecaster[];
  /** Always among the candidates: what is served must not lose to it. */
  readonly naive: Forecaster;
  /** For windows with a season, and for those without. */
  readonly seasonal: Forecaster;
  readonly plain: Forecaster;
  /** For windows that no network is for. */
  readonly otherwise: Forecaster;
  /** Why a network is not among them, by model; goes into the parts of each forecast. */
  readonly missing?: Readonly<Record<string, string>>;
}

/** What a model said about the windows that it was asked about, by index; and why about others not. */
interface Opinion {
  readonly forecaster: Forecaster;
  readonly kind: Candidate['kind'];
  readonly forecasts: ReadonlyMap<number, QuantileForecast>;
  readonly trials: ReadonlyMap<number, QuantileForecast>;
  readonly refusals: ReadonlyMap<number, string>;
}

/**
 * `model: "auto"`: every network whose context is met and the baselines that apply, weighted, aggregated, uncrossed and
 * calibrated into one forecast. Weights and calibration are what the scorecard has taught about the series; where it has
 * not yet, they come from a trial inside the context, and where that is too short, networks count alike. Windows that no
 * network is for get the best baseline.
 */
export class AggregateForecaster implements Forecaster {
  readonly name = 'auto';

  constructor(private readonly options: AggregateOptions) {}

  /** The same with these of its networks, and no others that have come since: for a forecast that was made of them. */
  only(names: readonly string[]): AggregateForecaster {
    const networks = this.options.networks.filter(({ name }) => names.includes(name));
    return new AggregateForecaster({ ...this.options, networks });
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
    const trusting = windows.map((window) => this.options.networks.some((one) => !whyNotNeural(one, window, horizon)));
    const others = windows.filter((_, i) => !trusting[i]);
    const fewest = Math.min(...this.options.networks.map(({ minContext }) => minContext));
    const trials = trialsOf(windows, horizon, fewest).filter(({ index }) => trusting[index]);
    const asked = { windows, trusting, trials, horizon, beside };
    const [opinions, nextOther] = await Promise.all([
      this.#opinions(asked),
      others.length > 0
        ? this.options.otherwise.forecast(others, horizon, beside).then((all) => all.values())
        : undefined,
    ]);
    const trialOf = new Map(trials.map((trial) => [trial.index, trial]));
    const lost = windows.filter(
      (_, i) => trusting[i] && !opinions.some(({ kind, forecasts }) => kind === 'network' && forecasts.has(i)),
    );
    // All networks failed on these.
    const nextLost = (lost.length > 0 ? await this.options.otherwise.forecast(lost, horizon, beside) : []).values();
    return windows.map((window, i) => {
      if (!trusting[i]) return nextOther!.next().value!;
      if (lost.includes(window)) return nextLost.next().value!;
      const forecast = put(window, i, opinions, trialOf.get(i), knowledge[i]);
      return this.options.missing ? because(forecast, this.options.missing) : forecast;
    });
  }

  async #opinions(asked: Asked): Promise<Opinion[]> {
    const { networks, naive, seasonal, plain } = this.options;
    const { windows, trusting, horizon } = asked;
    const everywhere = () => undefined;
    const seasons = (wanted: boolean) => (window: ContextWindow) =>
      window.season > 1 === wanted ? undefined : `for series ${wanted ? 'with' : 'without'} a season`;
    const all = [
      ...networks.map((one) => ask(one, 'network', (window) => whyNotNeural(one, window, horizon)?.reason, asked)),
      ask(naive, 'baseline', everywhere, asked),
      ask(seasonal, 'baseline', seasons(true), asked),
      ask(plain, 'baseline', seasons(false), asked),
    ];
    return windows.some((_, i) => trusting[i]) ? Promise.all(all) : [];
  }
}

interface Asked {
  readonly windows: readonly ContextWindow[];
  /** Whether any network is for a window. */
  readonly trusting: readonly boolean[];
  readonly trials: readonly Trial[];
  readonly horizon: number;
  readonly beside: readonly ContextWindow[];
}

/** Asks one model about the windows that it is for, and about their trials. One that fails has no opinion. */
async function ask(
  forecaster: Forecaster,
  kind: Candidate['kind'],
  whyNot: (window: ContextWindow) => string | undefined,
  { windows, trusting, trials, horizon, beside }: Asked,
): Promise<Opinion> {
  const refusals = new Map<number, string>();
  windows.forEach((window, i) => {
    const reason = trusting[i] ? whyNot(window) : undefined;
    if (reason !== undefined) refusals.set(i, reason);
  });
  const indices = windows.flatMap((_, i) => (trusting[i] && !refusals.has(i) ? [i] : []));
  const own = trials.filter(({ index, window }) => indices.includes(index) && whyNot(window) === undefined);
  const aside = [...beside, ...windows.filter((_, i) => !indices.includes(i))];
  const steps = own[0]?.actual.length ?? 0;
  const none = { forecaster, kind, forecasts: new Map(), trials: new Map() };
  if (indices.length === 0) return { ...none, refusals };
  try {
    const [forecasts, past] = await Promise.all([
      forecaster.forecast(
        indices.map((i) => windows[i]!),
        horizon,
        forecaster.together ? aside : [],
      ),
      own.length > 0
        ? forecaster.forecast(
            own.map(({ window }) => window),
            steps,
          )
        : [],
    ]);
    return {
      forecaster,
      kind,
      forecasts: new Map(forecasts.map((forecast, i) => [indices[i]!, forecast])),
      trials: new Map(past.map((forecast, i) => [own[i]!.index, forecast])),
      refusals,
    };
  } catch (error) {
    // An overloaded platform must say so; a model that fails must not leave a series without an answer.
    if (!(error instanceof PlatformError) || !isFailure(error)) throw error;
    for (const i of indices) refusals.set(i, `failed: ${messageOf(error)}`);
    return { ...none, refusals };
  }
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
  const heard = opinions.flatMap(({ forecaster, kind, forecasts, trials }) => {
    const forecast = forecasts.get(index);
    // A baseline that does not apply had seasonal naive stand in, which is here already.
    if (!forecast || forecast.model !== forecaster.name) return [];
    const past = trials.get(index);
    return [{ kind, forecast, trial: past?.model === forecaster.name ? past.quantiles : undefined }];
  });
  const candidates: Candidate[] = heard.map(({ kind, forecast, trial: past }) => ({
    kind,
    model: forecast.model,
    modelSha256: forecast.modelSha256,
    quantiles: forecast.quantiles,
    ...(past && { trial: past }),
  }));
  const { served, raw, plan } = combine(candidates, trial?.actual, knowledge);
  const champion = plan.champion && heard.find(({ forecast }) => forecast.model === plan.champion!.model);
  const chosen = Object.fromEntries([
    ...(champion ? [] : [[AGGREGATE, `the weighted mean of ${heard.length} models`] as const]),
    ...heard.map(({ forecast: { model } }) => [model, `weight ${(plan.models[model] ?? 0).toFixed(3)}`] as const),
    ...opinions.flatMap(({ forecaster, refusals }) => {
      const reason = refusals.get(index);
      return reason === undefined ? [] : [[forecaster.name, reason] as const];
    }),
  ]);
  return {
    itemId: window.itemId,
    channel: window.channel,
    model: champion ? champion.forecast.model : AGGREGATE,
    modelSha256: champion?.forecast.modelSha256,
    provider: champion?.forecast.provider ?? [...new Set(heard.map(({ forecast }) => forecast.provider))].join('+'),
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
          heard.flatMap(({ forecast: { model, modelSha256 } }) => (modelSha256 ? [[model, modelSha256]] : [])),
        ),
      },
      chosen,
    },
    shadows: [
      ...candidates
        .filter(({ model }) => model !== plan.champion?.model)
        .map(({ model, modelSha256, quantiles }) => ({ model, modelSha256, quantiles })),
      { model: UNCALIBRATED, quantiles: raw },
    ],
  };
}
