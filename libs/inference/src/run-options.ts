import { AsyncLocalStorage } from 'node:async_hooks';
import type { KeptTensors } from './kept-tensors.js';

/** Who waits, most urgent first: a person, a partition, a scheduled run. */
export const LANES = ['rest', 'stream', 'batch'] as const;
export type Lane = (typeof LANES)[number];

/** How a run is wanted. */
export interface RunOptions {
  /** `rest` unless told. */
  readonly lane?: Lane;
  /** The caller left: what has not begun is dropped, and the run rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Milliseconds since 1970 after which the answer is of no use; the run then rejects with DEADLINE_EXCEEDED. */
  readonly deadline?: number;
  /** What the run finds in the worker and leaves there; see `InferenceWorker.keeping`. */
  readonly kept?: KeptTensors;
}

const current = new AsyncLocalStorage<RunOptions>();

/**
 * Runs `work`, and everything that it awaits, with these options: whoever starts a forecast says once how urgent it is,
 * and the forecasters between need not pass it on.
 */
export function withRunOptions<Result>(options: RunOptions, work: () => Result): Result {
  return current.run({ ...current.getStore(), ...options }, work);
}

/** The options of the surrounding `withRunOptions`, overridden by those given. */
export function runOptions(given: RunOptions = {}): RunOptions {
  return { ...current.getStore(), ...given };
}
