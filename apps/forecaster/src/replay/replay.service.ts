import { AggregateForecaster, type Forecaster, type SeriesKnowledge } from '@app/forecasters';
import { PlatformError } from '@app/observability';
import { SeriesRepository } from '@app/persistence';
import { Frequency, type ContextWindow, type QuantileForecast } from '@app/series';
import { Inject, Injectable } from '@nestjs/common';

import { ContextLoader } from '../context-loader.js';
import type { ReplayDifference, ReplayOutcome } from '../forecast-client.js';
import { forecastEach } from '../forecast-each.js';
import { toIssued } from '../issue.js';
import { furtherChannels } from '../joint-channels.js';
import { MODEL_CATALOGUE, type ModelCatalogue } from '../model-catalogue.js';
import { isContext } from '../series-context.js';
import { aggregationOf, versionsOf, type AggregationParts } from './aggregation-parts.js';
import { besideHash, provenanceSchema, windowHash, type Provenance } from './provenance.js';
import { ReplayRepository, type StoredForecast } from './replay.repository.js';
import { largestDifference, toleranceOf } from './tolerance.js';

/**
 * Milliseconds around the time of reading at which the window is looked for. Clocks of the process that wrote a point and
 * of the one that read it differ, and a point is known a moment before it can be read. The hash tells which one it was.
 */
const AROUND = [0, 60_000, -1_000, -10_000];

/** Makes stored forecasts again, from what was known then. Nothing is stored. */
@Injectable()
export class ReplayService {
  constructor(
    private readonly stored: ReplayRepository,
    private readonly series: SeriesRepository,
    private readonly contexts: ContextLoader,
    @Inject(MODEL_CATALOGUE) private readonly models: ModelCatalogue,
  ) {}

  /** Answers a replay; see `ForecastClient.replay`. */
  async replay(forecastId: string): Promise<ReplayOutcome> {
    const stored = await this.stored.find(forecastId);
    const provenance = readProvenance(stored);
    const aggregation = aggregationOf(stored.parts);
    const forecaster = this.#forecaster(stored, provenance, aggregation);
    const window = await this.#window(stored, provenance);
    const beside = await this.#beside(window, forecaster, provenance);
    const knowledge = aggregation && (await this.stored.knowledge(stored, versionsOf(aggregation)));

    const [forecast] = await forecastEach(pinned(forecaster, knowledge), [window], stored.horizon, beside);
    if (forecast instanceof PlatformError) throw forecast;
    const differences = [
      ...windowDifferences(window, beside, provenance),
      ...modelDifferences(forecast!, stored),
      ...(aggregation ? aggregationDifferences(forecast!, aggregation, knowledge!) : []),
    ];
    return outcomeOf(stored, forecast!, differences);
  }

  /** What made it: of one that was put together the same models, else the model itself, whatever was asked for. */
  #forecaster(stored: StoredForecast, { asked }: Provenance, aggregation: AggregationParts | undefined): Forecaster {
    if (!aggregation) return this.models.resolve(stored.model);
    const forecaster = this.models.resolve(asked);
    const names = [...Object.keys(aggregation.sha256), ...Object.keys(aggregation.models)];
    return forecaster instanceof AggregateForecaster ? forecaster.only(names) : forecaster;
  }

  async #window(stored: StoredForecast, provenance: Provenance): Promise<ContextWindow> {
    const { forecastId, seriesId, itemId, channel, timeZone } = stored;
    const freq = Frequency.parse(stored.freq);
    if (!freq) throw new PlatformError('INTERNAL', `forecast ${forecastId} has the frequency "${stored.freq}"`);
    const shape = { seriesId, itemId, channel, freq, timeZone, season: provenance.season, length: provenance.points };
    let closest: ContextWindow | undefined;
    for (const around of AROUND) {
      const source = { knownAt: provenance.knownAt + around, newest: provenance.newest };
      const window = await this.contexts.restore(shape, source);
      if (window && windowHash(window) === provenance.sha256) return window;
      closest ??= window;
    }
    if (closest) return closest;
    const message = `the observations of series ${itemId}/${channel} that forecast ${forecastId} was made of are gone`;
    throw new PlatformError('NO_OBSERVATIONS', `${message}; only forecasts of what is kept can be replayed`, {
      forecastId,
      itemId,
      channel,
    });
  }

  /** The further channels that the model sees, as they were known then. */
  async #beside(window: ContextWindow, { together }: Forecaster, { knownAt }: Provenance): Promise<ContextWindow[]> {
    if (!together) return [];
    const [channels] = await this.series.findEach([{ itemId: window.itemId }]);
    const further = await this.contexts.load(furtherChannels([window], channels!, together), new Date(knownAt));
    return further.filter(isContext).map((context) => context.window);
  }
}

function readProvenance({ forecastId, parts }: StoredForecast): Provenance {
  const { data } = provenanceSchema.safeParse(parts.context);
  if (data) return data;
  const message = `forecast ${forecastId} does not say which window it was made of`;
  throw new PlatformError('REPLAY_UNAVAILABLE', `${message}; forecasts that are made from now on do`, { forecastId });
}

/** The forecaster, told what the scorecard had taught then. */
function pinned(forecaster: Forecaster, knowledge: SeriesKnowledge | undefined): Forecaster {
  if (!(forecaster instanceof AggregateForecaster)) return forecaster;
  const { name } = forecaster;
  return { name, forecast: (windows, horizon, beside) => forecaster.forecast(windows, horizon, beside, [knowledge]) };
}

function windowDifferences(
  window: ContextWindow,
  beside: readonly ContextWindow[],
  provenance: Provenance,
): ReplayDifference[] {
  const differences: ReplayDifference[] = [];
  if (windowHash(window) !== provenance.sha256) {
    const now = `now there are ${window.target.length} grid points up to ${new Date(window.cutoff).toISOString()}`;
    const message = `the window can't be read as it was, with ${provenance.points} grid points; ${now}`;
    differences.push({ part: 'window', message: `${message}: observations were removed or changed unseen` });
  }
  const hash = beside.length === 0 ? undefined : besideHash(beside);
  if (hash !== provenance.beside) {
    differences.push({ part: 'channels', message: 'the other channels that the model saw are not as they were' });
  }
  return differences;
}

function modelDifferences(forecast: QuantileForecast, stored: StoredForecast): ReplayDifference[] {
  const differences: ReplayDifference[] = [];
  const differ = (part: ReplayDifference['part'], was: string | null, is: string | null) => {
    if (was === is) return;
    differences.push({ part, message: `it was ${was ?? 'none'}, now it is ${is ?? 'none'}` });
  };
  differ('model', stored.model, forecast.model);
  if (stored.model === forecast.model) {
    differ('model-version', stored.modelSha256, forecast.modelSha256 ?? null);
    differ('provider', stored.provider, forecast.provider);
  }
  return differences;
}

/** What went in then and does not now, or the other way round. */
function aggregationDifferences(
  forecast: QuantileForecast,
  then: AggregationParts,
  knowledge: SeriesKnowledge,
): ReplayDifference[] {
  const differences: ReplayDifference[] = [];
  const now = aggregationOf(forecast.parts);
  if (!now) return [{ part: 'models', message: `it was put together from many models, now ${forecast.model} alone` }];

  const names = new Set([then, now].flatMap(({ models, sha256 }) => [...Object.keys(models), ...Object.keys(sha256)]));
  for (const name of names) {
    const has = ({ models, sha256 }: AggregationParts) => name in models || name in sha256;
    if (!has(now)) differences.push({ part: 'models', message: `${name} went in, and is not loaded or fails now` });
    else if (!has(then)) differences.push({ part: 'models', message: `${name} goes in, and did not` });
    else if (then.sha256[name] !== now.sha256[name]) {
      differences.push({ part: 'model-version', message: `${name} was ${then.sha256[name]}, is ${now.sha256[name]}` });
    }
  }
  const versions = versionsOf(then);
  for (const part of ['weights', 'group', 'calibration', 'champion'] as const) {
    if (versions[part] !== undefined && knowledge[part] === undefined) {
      const message = `version ${versions[part]}${part === 'group' ? ' of the group' : ''} is not kept any more`;
      differences.push({ part: part === 'group' ? 'weights' : part, message });
    }
  }
  return differences;
}

function outcomeOf(
  stored: StoredForecast,
  forecast: QuantileForecast,
  differences: readonly ReplayDifference[],
): ReplayOutcome {
  const difference = Math.max(
    largestDifference(forecast.mean, stored.mean),
    largestDifference(forecast.quantiles, stored.quantiles),
  );
  const tolerance = toleranceOf(stored.quantiles, stored.provider !== 'js');
  return {
    reproduced: difference <= tolerance,
    largestDifference: difference,
    tolerance,
    differences,
    forecast: toIssued(
      { forecast, context: { freqAssumed: stored.status === 'freq-assumed' } },
      stored.issuedAt,
      stored.forecastId,
    ),
  };
}
