import { Injectable } from '@nestjs/common';
import { selectionsOf, signature, type Grid, type Labels, type Matcher, type Samples } from '@app/promql';
import type { Expr, MatrixSelector, VectorSelector } from '@app/promql';
import { AnomalyFamily } from './anomaly-family.js';
import { ForecastFamily } from './forecast-family.js';
import type { MetricFamily, MetricMetadata, Scope, TimeRange } from './metric-family.js';
import { ObservationFamily } from './observation-family.js';
import { ScoreFamily } from './score-family.js';

/** Step of subqueries that name none: Prometheus' own default evaluation interval. */
export const DEFAULT_STEP_MS = 60_000;

/** All metrics, whatever they are made of. */
@Injectable()
export class MetricStore {
  readonly #families: readonly MetricFamily[];

  constructor(
    observations: ObservationFamily,
    forecasts: ForecastFamily,
    anomalies: AnomalyFamily,
    scores: ScoreFamily,
  ) {
    this.#families = [observations, forecasts, anomalies, scores];
  }

  /** Metadata of the metrics of Tidecast, by name. */
  metadata(): Readonly<Record<string, MetricMetadata>> {
    return Object.assign({}, ...this.#families.map(({ metadata }) => metadata)) as Record<string, MetricMetadata>;
  }

  /**
   * The samples that a query needs: one read a family for each selector.
   *
   * @throws PromqlError `execution` where all together are too many.
   */
  async load(expr: Expr, grid: Grid, scope: Scope): Promise<Map<VectorSelector | MatrixSelector, Samples[]>> {
    const data = new Map<VectorSelector | MatrixSelector, Samples[]>();
    let left = scope.maxSamples;
    for (const { selector, ...request } of selectionsOf(expr, grid, grid, DEFAULT_STEP_MS)) {
      const found: Samples[] = [];
      for (const family of this.#families) {
        for (const samples of await family.samples(request, { ...scope, maxSamples: left })) {
          found.push(samples);
          left -= samples.ts.length;
        }
      }
      data.set(selector, found);
    }
    return data;
  }

  /** Labels of the series that match any of the selectors, each once. */
  async labels(
    selectors: readonly (readonly Matcher[])[],
    range: TimeRange | undefined,
    scope: Scope,
  ): Promise<Labels[]> {
    const found = new Map<string, Labels>();
    for (const matchers of selectors) {
      for (const family of this.#families) {
        for (const labels of await family.labels(matchers, range, scope)) found.set(signature(labels), labels);
      }
    }
    return [...found.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, labels]) => labels);
  }
}
