import { metrics, type Logger } from '@app/observability';
import { WorkerPool, workerFile, type Part } from '@app/inference';
import { meanOfQuantiles, type ContextWindow, type ForecastStatus, type QuantileForecast } from '@app/series';
import type { BaselineRequest, BaselineResult } from './baseline-worker.js';
import type { BaselineInput } from './baselines.js';
import type { BaselineName } from './best-baseline.js';
import { requireObservations } from './context.js';
import type { Forecaster } from './forecaster.js';
import { observedPoints } from './observed-points.js';

/** What a window costs, in about milliseconds: naive forecasts are arithmetic, the others are fitted, and `best` fits five times. */
const COSTS = { 'seasonal-naive': 1, drift: 1, ets: 10, mstl: 30, best: 60 } as const;
/** Cost of one message to a thread: what a small call may have to wait for, and more than the message itself costs. */
const CHUNK_COST = 32;
/** Cost that may wait: half a minute a thread. A larger call is taken when nothing waits. */
const MOST_WAITING = 30_000;
/** With fewer observed points than this an interval is more assumption than evidence. */
const SHORT_CONTEXT = 16;

/** Threads for baselines behind a bounded queue; started when first used. */
export function baselinePool(threads: number, logger: Logger): WorkerPool {
  const handler = workerFile('baseline-worker', import.meta.url);
  return new WorkerPool({ name: 'baselines', handler, threads, maxCost: MOST_WAITING, logger });
}

/** A statistical model, or for `best` the one that does best inside each context. Computed in the threads of the pool. */
export class StatisticalForecaster implements Forecaster {
  constructor(
    readonly name: string,
    private readonly model: BaselineName | 'best',
    private readonly pool: WorkerPool,
  ) {}

  async forecast(windows: readonly ContextWindow[], horizon: number): Promise<QuantileForecast[]> {
    windows.forEach(requireObservations);
    const parts: Part[] = [];
    const cost = COSTS[this.model];
    const size = Math.max(1, Math.floor(CHUNK_COST / cost));
    for (let start = 0; start < windows.length; start += size) {
      const chunk = windows.slice(start, start + size);
      parts.push({ cost: cost * chunk.length, build: () => this.#request(chunk, horizon) });
    }
    const results = (await this.pool.call(parts)) as BaselineResult[][];
    return results.flat().map((result, i) => {
      metrics.inferenceSeconds.observe({ model: result.model, provider: 'js' }, result.seconds);
      return toForecast(windows[i]!, result);
    });
  }

  #request(windows: readonly ContextWindow[], horizon: number): ReturnType<Part['build']> {
    const inputs = windows.map((window) => toInput(window, horizon));
    const request: BaselineRequest = { model: this.model, inputs };
    return { request, transfer: inputs.map(({ target }) => target.buffer as ArrayBuffer) };
  }
}

function toInput({ target, season, freq }: ContextWindow, horizon: number): BaselineInput {
  // A copy, which is moved: of a view into a long series a clone would carry the whole series along.
  return { target: target.slice(), season, periods: freq.seasonCandidates(), horizon };
}

function toForecast(window: ContextWindow, result: BaselineResult): QuantileForecast {
  const observed = observedPoints(window);
  const status: ForecastStatus = observed < SHORT_CONTEXT ? 'short-context' : 'ok';
  return {
    itemId: window.itemId,
    channel: window.channel,
    model: result.model,
    provider: 'js',
    freq: window.freq,
    timeZone: window.timeZone,
    cutoff: window.cutoff,
    mean: meanOfQuantiles(result.quantiles),
    quantiles: result.quantiles,
    status,
    parts: { contextPoints: window.target.length, observed, season: window.season, chosen: result.chosen },
  };
}
