import type { Transferable } from 'node:worker_threads';
import { PlatformError } from '@app/observability';

/** One request to a worker, built when its turn comes and anew for a retry: what is transferred is gone from here. */
export interface Part {
  /** What it costs to wait for it: rows, windows. */
  readonly cost: number;
  build(): { readonly request: unknown; readonly transfer?: readonly Transferable[] };
}

/** A part on its way, and where its answer goes. Exactly one of `resolve` and `reject` takes effect. */
export interface Job extends Part {
  attempts: number;
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

interface Call {
  readonly waiting: Job[];
  readonly reject: (error: unknown) => void;
}

/**
 * Bounded: a call that would put more than `maxCost` into the queue is refused with OVERLOADED, unless the queue is
 * empty, so that a call larger than the bound still gets through alone. Calls take turns part by part, in the order in
 * which they arrived: a large one does not starve a small one.
 */
export class CallQueue {
  readonly #calls: Call[] = [];
  #cost = 0;

  constructor(
    private readonly name: string,
    private readonly maxCost: number,
  ) {}

  /** Cost of all parts that wait. */
  get cost(): number {
    return this.#cost;
  }

  /**
   * Queues the parts of one call.
   *
   * @returns the answers in the order of the parts; rejects with the first error, and then drops what still waits.
   */
  async add(parts: readonly Part[]): Promise<unknown[]> {
    if (parts.length === 0) return [];
    const cost = parts.reduce((sum, part) => sum + part.cost, 0);
    if (this.#cost > 0 && this.#cost + cost > this.maxCost) {
      const message = `the ${this.name} queue is full (${this.#cost} of ${this.maxCost} wait); retry later`;
      throw new PlatformError('OVERLOADED', message, { queue: this.name, waiting: this.#cost });
    }
    this.#cost += cost;
    return new Promise((resolve, reject) => this.#calls.push(this.#call(parts, resolve, reject)));
  }

  #call(parts: readonly Part[], resolve: (results: unknown[]) => void, reject: (error: unknown) => void): Call {
    const results: unknown[] = Array.from(parts, () => undefined);
    let open = parts.length;
    const fail = (error: unknown) => {
      this.#drop(call);
      reject(error);
    };
    const waiting = parts.map((part, i) => ({
      cost: part.cost,
      build: () => part.build(),
      attempts: 0,
      resolve: (result: unknown) => {
        results[i] = result;
        if (--open === 0) resolve(results);
      },
      reject: fail,
    }));
    const call: Call = { waiting, reject: fail };
    return call;
  }

  /** The next part of the call whose turn it is; that call goes to the back. */
  next(): Job | undefined {
    const call = this.#calls.shift();
    if (!call) return undefined;
    const job = call.waiting.shift()!;
    this.#cost -= job.cost;
    if (call.waiting.length > 0) this.#calls.push(call);
    return job;
  }

  /** Refuses everything that waits. */
  rejectAll(error: unknown): void {
    // Rejecting a call takes it out of the queue.
    while (this.#calls.length > 0) this.#calls[0]!.reject(error);
  }

  #drop(call: Call): void {
    for (const job of call.waiting.splice(0)) this.#cost -= job.cost;
    const at = this.#calls.indexOf(call);
    if (at >= 0) this.#calls.splice(at, 1);
  }
}
