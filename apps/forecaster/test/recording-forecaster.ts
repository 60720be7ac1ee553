import type { Forecaster } from '@app/forecasters';
import { PlatformError } from '@app/observability';
import { CANONICAL_LEVELS, type ContextWindow, type QuantileForecast } from '@app/series';

import type { ModelCatalogue } from '../src/model-catalogue.js';

/**
 * Repeats the last observed value, with quantiles `level − 0.5` around it, and remembers the windows that it was given.
 * Windows of the items in `tooShort` are refused, as a model refuses what it can't do.
 */
export class RecordingForecaster implements Forecaster {
  readonly name = 'last-value';
  readonly calls: (readonly ContextWindow[])[] = [];
  readonly tooShort = new Set<string>();
  /** Runs before each call; throws, waits or does nothing. */
  before: (windows: readonly ContextWindow[]) => Promise<void> | void = () => undefined;

  get windows(): ContextWindow[] {
    return this.calls.flat();
  }

  async forecast(windows: readonly ContextWindow[], horizon: number): Promise<QuantileForecast[]> {
    this.calls.push(windows);
    await this.before(windows);
    const refused = windows.find(({ itemId }) => this.tooShort.has(itemId));
    if (refused) throw new PlatformError('CONTEXT_TOO_SHORT', `series ${refused.itemId} is too short`);
    return windows.map((window) => repeatLast(window, horizon));
  }
}

/** A catalogue of one forecaster, under its own name and `auto`. */
export function catalogueOf(forecaster: Forecaster): ModelCatalogue {
  return {
    resolve: (model) => {
      if (model === 'auto' || model === forecaster.name) return forecaster;
      throw new PlatformError('MODEL_NOT_FOUND', `there is no model "${model}"`);
    },
    describe: () => [
      { name: forecaster.name, family: forecaster.name, kind: 'baseline', state: 'ready', provider: 'js' },
    ],
    close: () => Promise.resolve(),
  };
}

function repeatLast(window: ContextWindow, horizon: number): QuantileForecast {
  const { itemId, channel, freq, timeZone, cutoff, target } = window;
  const last = target.findLast((value) => !Number.isNaN(value))!;
  const steps = Array.from({ length: horizon }, () => last);
  return {
    itemId,
    channel,
    freq,
    timeZone,
    cutoff,
    model: 'last-value',
    provider: 'js',
    mean: Float64Array.from(steps),
    quantiles: Float64Array.from(steps.flatMap((value) => CANONICAL_LEVELS.map((level) => value + level - 0.5))),
    status: target.length < 8 ? 'short-context' : 'ok',
    parts: { observed: target.filter((value) => !Number.isNaN(value)).length },
  };
}
