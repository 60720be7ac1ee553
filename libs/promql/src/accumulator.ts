import type { Budget } from './budget.js';
import { PromqlError } from './errors.js';
import { signature, type Labels } from './labels.js';
import type { StepSeries } from './samples.js';

/** Gathers the result of an operation, series by series and step by step. */
export class Accumulator {
  readonly #series = new Map<string, StepSeries>();

  constructor(
    private readonly count: number,
    private readonly budget: Budget,
  ) {}

  /** The series with these labels, made when first asked for. */
  series(labels: Labels): StepSeries {
    const key = signature(labels);
    let series = this.#series.get(key);
    if (!series) {
      this.budget.hold((this.#series.size + 1) * this.count);
      series = { labels, values: new Float64Array(this.count), present: new Uint8Array(this.count) };
      this.#series.set(key, series);
    }
    return series;
  }

  /** All series that have a value at some step. */
  result(): StepSeries[] {
    return [...this.#series.values()].filter(({ present }) => present.includes(1));
  }
}

/** @throws PromqlError `execution` where the series has a value at that step already. */
export function put(series: StepSeries, step: number, value: number): void {
  if (series.present[step] === 1) {
    throw new PromqlError('execution', 'vector cannot contain metrics with the same labelset');
  }
  series.values[step] = value;
  series.present[step] = 1;
}
