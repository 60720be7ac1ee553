import type { Stateful } from './state.js';

/**
 * Why a point has, or has no, verdict. `missing`: no channel had a value. `late`: not after the newest point, so it was
 * not shown to the detector. `warming-up`: too few points yet.
 */
export type PointStatus = 'scored' | 'warming-up' | 'missing' | 'late';

/** What a detector thinks of one point. All numbers are finite. */
export interface Detection {
  readonly status: PointStatus;
  /** Above 1 is anomalous. After an alarm it stays at 1 or below through the cool-down. */
  readonly score: number;
  /** The same without a cool-down. */
  readonly strength: number;
  /** Smoothed, for bands and rankings: how anomalous these times are, where `score` says when it began. */
  readonly severity: number;
  /** 0 up to a score of 1, then towards 1: 1 − 1/score. */
  readonly grade: number;
  /** In [0, 1): how much of the series the verdict rests on. */
  readonly confidence: number;
  /** What each voter found, named, on its own scale. */
  readonly votes: Readonly<Record<string, number>>;
}

/**
 * A streaming detector of one item: one row in, one verdict out, without a look ahead. Memory does not grow with the
 * stream. The work is in `prepare`; `score` is a few operations and alone knows the sensitivity.
 */
export interface Detector<E extends Evidence = Evidence> extends Stateful {
  readonly channels: number;
  /** Takes in one row. `values` has a value a channel, NaN where missing; infinities count as missing. @param ts ms. */
  prepare(ts: number, values: Float64Array): E;
  /** The verdict over the evidence that `prepare` gave last. */
  score(evidence: E): Detection;
  /** `score(prepare(…))`. */
  observe(ts: number, values: Float64Array): Detection;
  /** The whole state: a detector of the same kind and options that restores it goes on bit for bit. */
  snapshot(): Uint8Array;
  /** @throws RangeError when the snapshot is of another kind of detector. */
  restore(state: Uint8Array): void;
}

/** What a row showed, before any threshold. */
export interface Evidence {
  readonly status: PointStatus;
  /** On the detector's own scale, 0 or more. */
  readonly strangeness: number;
  /** Points shown so far. */
  readonly seen: number;
  readonly votes: Readonly<Record<string, number>>;
}
