import { ENV, type Env } from '@app/config';
import { PlatformError } from '@app/observability';
import { quantilesAt } from '@app/series';
import { currentTraceparent } from '@app/server';
import { Inject, Injectable } from '@nestjs/common';
import { checkHorizon, MAX_STEPS } from '../../../forecaster/src/check-command.js';
import {
  FORECAST_CLIENT,
  type ForecastClient,
  type ForecastFailure,
  type ForecastOutcome,
  type InlineSeries,
  type IssuedForecast,
  type ModelDescription,
} from '../../../forecaster/src/forecast-client.js';
import { CONTEXT_LENGTH } from '../../../forecaster/src/series-context.js';
import { checkAnswerSize } from '../forecasts/forecast-view.js';

/** What a dialect wants of its series. */
export interface Wanted {
  /** Steps ahead. */
  readonly horizon: number;
  /** `auto`, or a name of `GET /models`. */
  readonly model: string;
  /** Quantile levels of the answer, each in (0, 1). */
  readonly levels: readonly number[];
}

/** A forecast at the levels that were wanted. */
export interface LevelForecast {
  /** One value a step. */
  readonly mean: readonly number[];
  /** Steps × levels, row-major. */
  readonly quantiles: Float64Array;
}

/** What other services' clients ask of a model before they use it. */
export interface ModelFacts {
  /** Points that it looks at. */
  readonly contextLength: number;
  /** Steps of one run; more are rolled. */
  readonly predictionLength: number;
  /** Whether channels of an item help each other. */
  readonly together: boolean;
  readonly description?: ModelDescription;
}

/** Names by which the packages are found that are made for any series. */
const GENERAL = '/base';
/** Of `auto` where no network is loaded. */
const BASELINE_STEPS = 96;
/** Series of one request: a client that has more partitions its data. */
const MOST_SERIES = 20_000;

/**
 * The one way in which all dialects forecast: the command that `POST /api/v1/forecasts` gives, in as many calls as a long list
 * needs. Series come along and nothing of them is stored.
 */
@Injectable()
export class DialectForecaster {
  constructor(
    @Inject(FORECAST_CLIENT) private readonly client: ForecastClient,
    @Inject(ENV) private readonly env: Pick<Env, 'MAX_HORIZON' | 'MAX_SERIES_PER_CALL' | 'AUTO_MODE'>,
  ) {}

  /**
   * Forecasts all series, or none.
   *
   * @returns one forecast a series, in their order.
   * @throws PlatformError that of the first series that has no forecast; and those of a request that is wrong as a whole.
   */
  async forecastAll(series: readonly InlineSeries[], wanted: Wanted): Promise<LevelForecast[]> {
    const { forecasts, failures } = await this.forecastEach(series, wanted);
    const [failure] = failures;
    if (failure) throw errorOf(failure);
    return forecasts.map((forecast) => atLevels(forecast, wanted.levels));
  }

  /**
   * Forecasts what can be forecast.
   *
   * @throws PlatformError for a request that is wrong as a whole; and, where there is one series only, its own error.
   */
  async forecastEach(series: readonly InlineSeries[], { horizon, model, levels }: Wanted): Promise<ForecastOutcome> {
    checkHorizon(horizon, this.env.MAX_HORIZON);
    if (series.length > MOST_SERIES) {
      const message = `the request makes ${series.length} forecasts, at most ${MOST_SERIES} can be; split it`;
      throw new PlatformError('TOO_MANY_SERIES', message, { maxSeries: MOST_SERIES });
    }
    checkAnswerSize(series.length * horizon, levels);
    const traceparent = currentTraceparent();
    const outcome = { forecasts: [] as IssuedForecast[], failures: [] as ForecastFailure[] };
    for (const part of this.#calls(series, horizon)) {
      const command = { series: part, horizon, model, store: false, ...(traceparent ? { traceparent } : {}) };
      const { forecasts, failures } = await this.client.forecast(command);
      outcome.forecasts.push(...forecasts);
      outcome.failures.push(...failures);
    }
    return outcome;
  }

  /** @throws PlatformError MODEL_NOT_FOUND naming what there is. */
  async factsOf(model: string): Promise<ModelFacts> {
    const usable = await this.models();
    if (model === 'auto') return this.#factsOfAuto(usable);
    const description =
      usable.find(({ name }) => name === model) ?? usable.find(({ name }) => name === `${model}${GENERAL}`);
    if (description) return factsOf(description);
    const names = ['auto', ...usable.map(({ name }) => name)].join(', ');
    throw new PlatformError(
      'MODEL_NOT_FOUND',
      `there is no model ${JSON.stringify(model.slice(0, 80))}; there are ${names}`,
    );
  }

  /** The models that serve. */
  async models(): Promise<ModelDescription[]> {
    return (await this.client.models()).filter(({ state }) => state !== 'refused');
  }

  #factsOfAuto(usable: readonly ModelDescription[]): ModelFacts {
    const networks = usable.filter(({ kind, name }) => kind === 'neural' && name.endsWith(GENERAL));
    return {
      contextLength: CONTEXT_LENGTH,
      predictionLength: Math.max(...networks.map((network) => network.predictionLength ?? 0), 0) || BASELINE_STEPS,
      together: this.env.AUTO_MODE === 'aggregate' && networks.some((network) => factsOf(network).together),
    };
  }

  /** Parts that one call may have; the channels of an item stay together. */
  *#calls(series: readonly InlineSeries[], horizon: number): Generator<InlineSeries[]> {
    const most = Math.max(1, Math.min(this.env.MAX_SERIES_PER_CALL, Math.floor(MAX_STEPS / horizon)));
    let part: InlineSeries[] = [];
    for (const item of itemsOf(series)) {
      if (part.length > 0 && part.length + item.length > most) {
        yield part;
        part = [];
      }
      part.push(...item);
    }
    yield part;
  }
}

/** A forecast at these levels. */
export function atLevels({ mean, quantiles }: IssuedForecast, levels: readonly number[]): LevelForecast {
  return { mean, quantiles: quantilesAt(quantiles, levels) };
}

/** The error that a failure tells of. */
export function errorOf({ itemId, channel, code, message }: ForecastFailure): PlatformError {
  return new PlatformError(code, message, { itemId, ...(channel === null ? {} : { channel }) });
}

function factsOf(description: ModelDescription): ModelFacts {
  return {
    contextLength: description.contextLength ?? CONTEXT_LENGTH,
    predictionLength: description.predictionLength ?? BASELINE_STEPS,
    together: description.channelPolicy === 'aligned',
    description,
  };
}

/** Neighbouring series of one item. */
function itemsOf(series: readonly InlineSeries[]): InlineSeries[][] {
  const items: InlineSeries[][] = [];
  for (const one of series) {
    const last = items.at(-1);
    if (last?.[0]!.itemId === one.itemId) last.push(one);
    else items.push([one]);
  }
  return items;
}
