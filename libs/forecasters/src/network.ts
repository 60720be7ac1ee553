import type { Frequency } from '@app/series';

/** Rows that a network is asked about, in its own space. All rows have the same number of channels. */
export interface Batch {
  readonly rows: number;
  /** Channels of a row that are forecast together; 1 where each is forecast on its own. */
  readonly variates: number;
  /** Points of each context. */
  readonly length: number;
  /** Rows × variates × length: standardised, oldest first, 0 where missing or before the first point. */
  readonly values: Float32Array;
  /** The same shape: 1 where `values` was observed. */
  readonly mask: Float32Array;
  /** One a row: four season lengths in points, 0 for none. */
  readonly candidates: readonly (readonly number[])[];
  /** One a row. */
  readonly freqs: readonly Frequency[];
}

/** Which channels of an item a network forecasts together. */
export interface Together {
  /** Most channels of a row. */
  readonly most: number;
  /** Their names in the order of the network, where it was made for these. */
  readonly names?: readonly string[];
}

/** What a package computes: the part in which families, and their packages, differ. */
export interface Network {
  /** Quantiles at the canonical levels, or one point a step. */
  readonly gives: 'quantiles' | 'points';
  /** Steps of one run. */
  readonly predictionLength: number;
  /** Whether it answers for any number of steps at once; otherwise exactly for `predictionLength`. */
  readonly anyHorizon: boolean;
  /** Absent where each channel is forecast on its own. */
  readonly together?: Together;
  /** Whether it knows of gaps. Otherwise they are filled before it is asked. */
  readonly readsMask: boolean;
  /** Earlier forecasts of a window from which the intervals around points are made. */
  readonly backtests: number;

  /** Points of the contexts of a batch of which the longest has `longest`, when `steps` are asked for. */
  contextLength(longest: number, steps: number): number;
  /** Most channels (rows × variates) of one run; bounds its memory. */
  channelsAtOnce(steps: number): number;
  /**
   * Runs a batch.
   *
   * @returns rows × variates × steps × (13 quantiles, or 1 point), in the space of the network.
   * @throws PlatformError INFERENCE_FAILED or OVERLOADED.
   */
  run(batch: Batch, steps: number): Promise<Float32Array>;
}
