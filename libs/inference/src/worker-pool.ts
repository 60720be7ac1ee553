import { PlatformError, messageOf, type Logger } from '@app/observability';
import { CallQueue, type Job, type Part } from './call-queue.js';
import { WorkerThread } from './worker-thread.js';

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
  /** What every fresh thread does first. */
  readonly prologue?: () => readonly Part[];
}

/**
 * Worker threads behind one bounded queue: when that is full, `call` rejects with OVERLOADED. Every call gets its answer
 * or its error exactly once. A thread that dies is replaced; what it was at is tried once more and then fails with
 * INFERENCE_FAILED.
 */
export class WorkerPool {
  readonly #queue: CallQueue;
  readonly #threads: WorkerThread[];
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
      thread.post(job);
    }
    if (this.#isIdle()) this.#onIdle?.();
  }

  #thread(name: string): WorkerThread {
    return new WorkerThread({
      name,
      handler: this.options.handler,
      logger: this.options.logger,
      prologue: () => (this.options.prologue?.() ?? []).map((part) => this.#prologueJob(part)),
      onFree: () => this.#pump(),
      onDeath: (culprit, others, reason) => this.#afterDeath(culprit, others, reason),
    });
  }

  #prologueJob(part: Part): Job {
    const { logger, name } = this.options;
    const reject = (error: unknown) => logger.error({ err: error, worker: name }, 'a fresh worker thread is not ready');
    return { cost: 0, build: () => part.build(), attempts: 0, resolve: () => undefined, reject };
  }

  #afterDeath(culprit: Job | undefined, others: readonly Job[], reason: string): void {
    const again = [...others];
    if (culprit && ++culprit.attempts < MOST_ATTEMPTS) again.unshift(culprit);
    else culprit?.reject(new Error(`the worker thread died twice (${reason})`));
    this.#retries.unshift(...again);
    this.#pump();
  }

  #isIdle(): boolean {
    return this.#retries.length === 0 && this.#threads.every((thread) => thread.isIdle);
  }

  #closed(): PlatformError {
    return new PlatformError('INFERENCE_FAILED', `${this.options.name} is shutting down`);
  }
}
