import type { Access } from '@app/access';
import { ENV, type Env } from '@app/config';
import { PlatformError } from '@app/observability';
import {
  checkTypes,
  evaluate,
  gridOf,
  instantGrid,
  parse,
  parseSelector,
  subqueryGrid,
  timeLookedAt,
  unparen,
  type Expr,
  type Grid,
  type Labels,
  type Limits,
} from '@app/promql';
import { currentSignal } from '@app/server';
import { Inject, Injectable } from '@nestjs/common';
import type { Scope, TimeRange } from './metric-family.js';
import { DEFAULT_STEP_MS, MetricStore } from './metric-store.js';
import { invalid, Parameters } from './parameters.js';
import { parsed, withPlatformErrors } from './prometheus-error.js';
import { instantData, rangeData, sampleData, type QueryData } from './query-result.js';

/** Prometheus' own limit, and its words. */
const MOST_POINTS = 11_000;
const TIMEOUT_MS = 120_000;

/** Answers the questions of Prometheus' API. */
@Injectable()
export class PrometheusQueries {
  constructor(
    private readonly store: MetricStore,
    @Inject(ENV) private readonly env: Env,
  ) {}

  /** `query`: the value at one time, now where none is given. */
  async instant(parameters: Parameters, access: Access, nowMs: number): Promise<QueryData> {
    const grid = instantGrid(parameters.time('time') ?? nowMs);
    return this.#answer(parameters, async (expr) => {
      const range = unparen(expr);
      const scope = this.#scope(parameters, access);
      if (range.kind === 'matrix') {
        const at = timeLookedAt(range, grid.startMs, grid);
        const samples = await this.store.load(range, grid, scope);
        return sampleData(samples.get(range) ?? [], at - range.rangeMs, at);
      }
      if (range.kind === 'subquery') {
        const times = subqueryGrid(range, grid, grid, DEFAULT_STEP_MS);
        return rangeData(await this.#evaluate(range.expr, times, parameters, scope), times);
      }
      return instantData(await this.#evaluate(expr, grid, parameters, scope), grid);
    });
  }

  /** `query_range`: the values from one time to another, every step. */
  async range(parameters: Parameters, access: Access): Promise<QueryData> {
    const grid = rangeGrid(parameters);
    return this.#answer(parameters, async (expr, query) => {
      const type = checkTypes(query, expr);
      if (type !== 'scalar' && type !== 'instant vector') {
        throw invalid('query', `invalid expression type "${type}" for range query, must be Scalar or instant Vector`);
      }
      return rangeData(await this.#evaluate(expr, grid, parameters, this.#scope(parameters, access)), grid);
    });
  }

  /** `series`, and what label names and values are taken from: the labels of the series that match. */
  async labels(parameters: Parameters, access: Access, selectorNeeded: boolean): Promise<Labels[]> {
    return withPlatformErrors(() => {
      const texts = parameters.all('match[]');
      if (texts.length === 0 && selectorNeeded) {
        throw new PlatformError(
          'INVALID_REQUEST',
          'no match[] parameter provided; give a selector such as {item_id="pump-7"}',
        );
      }
      const selectors = texts.map((text) => parsed('match[]', () => parseSelector(text)));
      return this.store.labels(
        selectors.length === 0 ? [[]] : selectors,
        timeRange(parameters),
        this.#scope(parameters, access),
      );
    });
  }

  #answer(parameters: Parameters, run: (expr: Expr, query: string) => Promise<QueryData>): Promise<QueryData> {
    return withPlatformErrors(() => {
      const query = parameters.text('query') ?? '';
      return run(
        parsed('query', () => parse(query)),
        query,
      );
    });
  }

  async #evaluate(expr: Expr, grid: Grid, parameters: Parameters, scope: Scope) {
    const limits = this.#limits(parameters);
    const data = await this.store.load(expr, grid, scope);
    return evaluate(expr, { grid, data, defaultStepMs: DEFAULT_STEP_MS, limits });
  }

  #limits(parameters: Parameters): Limits {
    const timeoutMs = Math.min(parameters.duration('timeout') ?? TIMEOUT_MS, TIMEOUT_MS);
    const signal = currentSignal();
    return { maxSamples: this.env.PROMETHEUS_MAX_SAMPLES, deadlineMs: Date.now() + timeoutMs, now: Date.now, signal };
  }

  #scope(parameters: Parameters, { itemPrefixes }: Access): Scope {
    const asOf = parameters.time('as_of');
    const lookbackMs = parameters.duration('lookback_delta');
    if (lookbackMs !== undefined && lookbackMs <= 0) throw invalid('lookback_delta', 'a duration above zero is needed');
    return {
      itemPrefixes,
      asOf: asOf === undefined ? undefined : new Date(asOf),
      lookbackMs,
      maxSamples: this.env.PROMETHEUS_MAX_SAMPLES,
    };
  }
}

function rangeGrid(parameters: Parameters): Grid {
  const needed = (value: number | undefined, name: string, kind: string) => {
    if (value === undefined) throw invalid(name, `cannot parse "" to a valid ${kind}`);
    return value;
  };
  const start = needed(parameters.time('start'), 'start', 'timestamp');
  const end = needed(parameters.time('end'), 'end', 'timestamp');
  if (end < start) throw invalid('end', 'end timestamp must not be before start time');
  const step = needed(parameters.duration('step'), 'step', 'duration');
  if (step <= 0) {
    throw invalid('step', 'zero or negative query resolution step widths are not accepted. Try a positive integer');
  }
  if ((end - start) / step > MOST_POINTS) {
    throw new PlatformError(
      'INVALID_REQUEST',
      'exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)',
    );
  }
  return gridOf(start, end, step);
}

/** Undefined where neither end is given: whatever there is. */
function timeRange(parameters: Parameters): TimeRange | undefined {
  const [start, end] = [parameters.time('start'), parameters.time('end')];
  if (start === undefined && end === undefined) return undefined;
  const range = { fromMs: start ?? Number.NEGATIVE_INFINITY, toMs: end ?? Number.POSITIVE_INFINITY };
  if (range.toMs < range.fromMs) throw invalid('end', 'end timestamp must not be before start time');
  return range;
}
