import { SHARE_ENV, Worker } from 'node:worker_threads';
import type { Logger } from '@app/observability';
import type { Job } from './call-queue.js';
import type { FromWorker, ToWorker } from './pool-protocol.js';
import { workerFile } from './worker-file.js';

/** One request runs and one waits in the thread, so that it never idles while the main thread is busy. */
const DEPTH = 2;

/** How a thread of a pool is made and whom it tells. */
export interface WorkerThreadOptions {
  readonly name: string;
  readonly handler: URL;
  readonly logger: Logger;
  /** What a fresh thread has to do before anything else, such as loading models. */
  readonly prologue: () => readonly Job[];
  /** There is room for another job. */
  readonly onFree: () => void;
  /** The thread died: the job that it was at, if any, and those behind it. */
  readonly onDeath: (culprit: Job | undefined, others: readonly Job[], reason: string) => void;
}

/**
 * One worker thread that is started when first needed and again after it died. It is told to end, never terminated:
 * ending a thread in the middle of a run of ONNX Runtime aborts the process.
 */
export class WorkerThread {
  #worker: Worker | undefined;
  #exited: Promise<void> = Promise.resolve();
  #nextId = 0;
  readonly #inFlight = new Map<number, Job>();
  readonly #prologue = new Set<Job>();

  constructor(private readonly options: WorkerThreadOptions) {}

  /** Whether another job may be posted. */
  get hasRoom(): boolean {
    return this.#inFlight.size - this.#prologue.size < DEPTH;
  }

  get isIdle(): boolean {
    return this.#inFlight.size === 0;
  }

  /** Sends a job, starting the thread where there is none. */
  post(job: Job): void {
    this.#worker ??= this.#start();
    this.#send(this.#worker, job);
  }

  /** Lets an idle thread give back what it holds and end; resolves when it is gone. */
  async close(): Promise<void> {
    this.#worker?.ref();
    this.#worker?.postMessage({ kind: 'close' } satisfies ToWorker);
    await this.#exited;
  }

  #start(): Worker {
    const { name, handler, logger } = this.options;
    // SHARE_ENV: what a handler sets for native code, such as telemetry off, must reach the real environment.
    const worker = new Worker(workerFile('pool-worker', import.meta.url), {
      name,
      workerData: { handler: handler.href },
      env: SHARE_ENV,
    });
    let reason = 'the thread ended';
    worker.unref();
    worker.on('message', (message: FromWorker) => this.#settle(message));
    worker.on('error', (error) => {
      reason = (error as { message?: string }).message ?? String(error);
    });
    this.#exited = new Promise((resolve) => {
      worker.once('exit', (code) => {
        if (this.#worker === worker) this.#worker = undefined;
        if (code !== 0 || this.#inFlight.size > 0) {
          logger.error({ worker: name, code, reason }, 'a worker thread died; it is replaced');
        }
        this.#bury(reason);
        resolve();
      });
    });
    for (const job of this.options.prologue()) {
      this.#prologue.add(job);
      this.#send(worker, job);
    }
    return worker;
  }

  #send(worker: Worker, job: Job): void {
    const id = this.#nextId++;
    try {
      const { request, transfer } = job.build();
      worker.postMessage({ kind: 'request', id, request } satisfies ToWorker, transfer);
    } catch (error) {
      this.#prologue.delete(job);
      job.reject(error);
      return;
    }
    this.#inFlight.set(id, job);
    // A process must not end while somebody waits for an answer, nor live on because of an idle thread.
    worker.ref();
  }

  #settle(message: FromWorker): void {
    const job = this.#inFlight.get(message.id);
    if (!job) return;
    this.#inFlight.delete(message.id);
    this.#prologue.delete(job);
    if (message.ok) job.resolve(message.result);
    else job.reject(new Error(message.message));
    if (this.#inFlight.size === 0) this.#worker?.unref();
    this.options.onFree();
  }

  #bury(reason: string): void {
    const jobs = [...this.#inFlight.values()];
    this.#inFlight.clear();
    // A fresh thread sends its prologue anew. A prologue that kills must not be retried for ever on behalf of the first
    // real job behind it: that job takes the blame.
    const others = jobs.filter((job) => !this.#prologue.has(job));
    for (const job of this.#prologue) job.reject(new Error(reason));
    this.#prologue.clear();
    this.options.onDeath(others[0], others.slice(1), reason);
  }
}
