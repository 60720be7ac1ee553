import { PlatformError, messageOf, type Logger } from '@app/observability';
import { CallQueue, type Job, type Part } from './call-queue.js';
import { threadHost } from './worker-host.js';
import { WorkerSlot } from './worker-slot.js';

/** How often a job is tried: once, and once more after the thread died under it. */
const MOST_ATTEMPTS = 2;

export interface WorkerPoolOptions {
  /** For messages and thread names. */
  readonly name: string;
  /** Compiled module that exports `handle` (see `Handler`); `workerFile` finds it. */
  readonly handler: URL;
  readonly threads: number;
  /** Cost that may wait; more is refused with OVERLOADED. */
  readonly maxCost: number;
  readonly logger: Logger;
}

/**
 * Worker threads behind one bounded queue: when that is full, `call` rejects with OVERLOADED. Every call gets its answer
 * or its error exactly once. A thread that dies is replaced; what it was at is tried once more and then fails with
 * INFERENCE_FAILED.
 */
export class WorkerPool {
  readonly #queue: CallQueue;
  readonly #threads: WorkerSlot[];
  readonly #retries: Job[] = [];
  #closing: Promise<void> | undefined;
  #onIdle: (() => void) | undefined;

  constructor(private readonly options: WorkerPoolOptions) {
    this.#queue = new CallQueue(options.name, options.maxCost);
    this.#threads = Array.from({ length: options.threads }, (_, i) => this.#thread(`${options.name}-${i}`));
  }

  /**
   * Runs the parts, taking turns with other calls.
   *
   * @returns what the handler answered, in the order of the parts.
   * @throws PlatformError OVERLOADED or INFERENCE_FAILED (an error that the handler threw is its cause).
   */
  async call(parts: readonly Part[]): Promise<unknown[]> {
    if (this.#closing) throw this.#closed();
    const answers = this.#queue.add(parts);
    this.#pump();
    try {
      return await answers;
    } catch (error) {
      if (error instanceof PlatformError) throw error;
      const message = `${this.options.name}: ${messageOf(error)}`;
      throw new PlatformError('INFERENCE_FAILED', message, {}, { cause: error });
    }
  }

  /** Finishes what runs, refuses what waits, and ends the threads. May be called twice. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#queue.rejectAll(this.#closed());
    if (!this.#isIdle()) await new Promise<void>((resolve) => (this.#onIdle = resolve));
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }

  #pump(): void {
    for (;;) {
      // The least busy thread first would need a count; the first with room is as good while jobs are short.
      const thread = this.#threads.find((candidate) => candidate.isIdle) ?? this.#threads.find((one) => one.hasRoom);
      const job = thread && (this.#retries.shift() ?? this.#queue.next());
      if (!job) break;
      thread.post({
        build: () => job.build(),
        resolve: (result) => job.resolve(result),
        reject: (error) => job.reject(error),
        orphan: ({ reason, culprit }) => this.#afterDeath(job, reason, culprit),
      });
    }
    if (this.#isIdle()) this.#onIdle?.();
  }

  #thread(name: string): WorkerSlot {
    return new WorkerSlot({
      name,
      handler: this.options.handler,
      host: threadHost,
      logger: this.options.logger,
      prologue: () => [],
      onFree: () => this.#pump(),
    });
  }

  #afterDeath(job: Job, reason: string, culprit: boolean): void {
    if (culprit && ++job.attempts >= MOST_ATTEMPTS) job.reject(new Error(`the worker thread died twice (${reason})`));
    else this.#retries.unshift(job);
  }

  #isIdle(): boolean {
    return this.#retries.length === 0 && this.#threads.every((thread) => thread.isIdle);
  }

  #closed(): PlatformError {
    return new PlatformError('INFERENCE_FAILED', `${this.options.name} is shutting down`);
  }
}
