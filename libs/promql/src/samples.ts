import type { Labels } from './labels.js';

/** Samples of one series as they are stored, in ascending order of time. */
export interface Samples {
  readonly labels: Labels;
  /** Epoch milliseconds. */
  readonly ts: Float64Array;
  readonly values: Float64Array;
  /** How long a sample counts where none follows it. */
  readonly lookbackMs: number;
}

/** One series at the times of a grid: a value counts where `present` is 1. */
export interface StepSeries {
  readonly labels: Labels;
  readonly values: Float64Array;
  readonly present: Uint8Array;
}

/** What an expression gives at the times of a grid. */
export type Value =
  | { readonly kind: 'scalar'; readonly values: Float64Array }
  | { readonly kind: 'string'; readonly text: string }
  | { readonly kind: 'vector'; readonly series: readonly StepSeries[] };
