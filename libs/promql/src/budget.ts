import { setImmediate as nextTurn } from 'node:timers/promises';

import { PromqlError } from './errors.js';

/** Work between two turns of the event loop, about 10 ms. */
const TURN = 500_000;

/** What a query may cost. */
export interface Limits {
  /** Samples held at one time, as they come from storage or as results of one operation. */
  readonly maxSamples: number;
  /** Epoch milliseconds after which the query is given up. */
  readonly deadlineMs: number;
  readonly now: () => number;
  /** Aborts when nobody waits for the answer any more. */
  readonly signal?: AbortSignal | undefined;
}

/** Keeps a query within its limits, and lets others have their turn while it is evaluated. */
export class Budget {
  #work = 0;

  constructor(private readonly limits: Limits) {}

  /** @throws PromqlError `execution` where that many samples are too many to hold. */
  hold(samples: number): void {
    if (samples <= this.limits.maxSamples) return;
    throw new PromqlError(
      'execution',
      `query processing would load too many samples into memory in query execution: more than ${this.limits.maxSamples}; ask for less time, fewer series or a larger step`,
    );
  }

  /**
   * Counts so many looked-at samples; now and then it lets others have their turn.
   *
   * @throws PromqlError `timeout` when the deadline has passed.
   */
  async spend(work: number): Promise<void> {
    this.#work += work;
    if (this.#work < TURN) return;
    this.#work = 0;
    await nextTurn();
    if (this.limits.now() > this.limits.deadlineMs)
      throw new PromqlError('timeout', 'query timed out in expression evaluation');
    this.limits.signal?.throwIfAborted();
  }
}
