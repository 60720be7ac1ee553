import type { Logger } from '@app/observability';
import type { Part } from './call-queue.js';
import type { FromWorker } from './pool-protocol.js';
import type { HostFactory, WorkerHost } from './worker-host.js';

/** One request runs and one waits in the worker, so that it never idles while the main thread is busy. */
const DEPTH = 2;
/** How long a worker that is told to end may take over what it is at. */
const GRACE_MS = 5_000;

/** A request on its way to a worker. Exactly one of `resolve`, `reject` and `orphan` is called, unless it is posted again. */
export interface SlotJob {
  /** Time that the worker may take over it once it began; a worker that is a process is killed then. */
  readonly timeoutMs?: number;
  build(): ReturnType<Part['build']>;
  resolve(result: unknown): void;
  /** The handler threw, or the request can't be sent. */
  reject(error: unknown): void;
  /** The worker died: this is what it was at, or stood behind that. */
  orphan(death: Death): void;
}

export interface Death {
  readonly reason: string;
  /** It was at this job. */
  readonly culprit: boolean;
  /** And was killed for taking too long over it. */
  readonly overtime: boolean;
}

/** How the worker of a slot is made and whom the slot tells. */
export interface WorkerSlotOptions {
  readonly name: string;
  readonly handler: URL;
  readonly host: HostFactory;
  readonly logger: Logger;
  /** What a fresh worker has to do before anything else, such as loading models. */
  readonly prologue: () => readonly SlotJob[];
  /** A worker died, for those who count. */
  readonly onDeath?: () => void;
  /** There is room for another job. */
  readonly onFree: () => void;
}

/**
 * A place for one worker, filled when first needed and again after the worker died. A worker is told to end; only one
 * that is a process is ever killed, when a job takes longer than it may.
 */
export class WorkerSlot {
  #host: WorkerHost | undefined;
  #exited: Promise<void> = Promise.resolve();
  #nextId = 0;
  readonly #inFlight = new Map<number, SlotJob>();
  readonly #prologue = new Set<SlotJob>();
  #watchdog: NodeJS.Timeout | undefined;
  #overtime = false;

  constructor(private readonly options: WorkerSlotOptions) {}

  /** Whether another job may be posted. */
  get hasRoom(): boolean {
    return this.#inFlight.size - this.#prologue.size < DEPTH;
  }

  /** Whether a worker lives here at the moment. */
  get isStarted(): boolean {
    return this.#host !== undefined;
  }

  get isIdle(): boolean {
    return this.#inFlight.size === 0;
  }

  /** Sends a job, starting the worker where there is none. */
  post(job: SlotJob): void {
    this.#host ??= this.#start();
    this.#send(this.#host, job);
  }

  /** Lets the worker finish what it was given, give back what it holds and end; resolves when it is gone. */
  async close(): Promise<void> {
    const host = this.#host;
    host?.ref();
    host?.post({ kind: 'close' });
    const impatience = setTimeout(() => host?.kill?.('it did not end when told to'), GRACE_MS);
    await this.#exited;
    clearTimeout(impatience);
  }

  #start(): WorkerHost {
    const { name, handler, logger } = this.options;
    let gone!: () => void;
    this.#exited = new Promise((resolve) => (gone = resolve));
    const host = this.options.host(name, handler, {
      message: (message) => this.#settle(message),
      exit: (reason, clean) => {
        if (this.#host === host) this.#host = undefined;
        if (!clean || this.#inFlight.size > 0) {
          logger.error({ worker: name, reason }, 'a worker died; it is replaced');
          this.options.onDeath?.();
        }
        this.#bury(reason);
        gone();
      },
    });
    host.unref();
    for (const job of this.options.prologue()) {
      this.#prologue.add(job);
      this.#send(host, job);
    }
    return host;
  }

  #send(host: WorkerHost, job: SlotJob): void {
    const id = this.#nextId++;
    try {
      const { request, transfer } = job.build();
      host.post({ kind: 'request', id, request }, transfer);
    } catch (error) {
      this.#prologue.delete(job);
      job.reject(error);
      return;
    }
    this.#inFlight.set(id, job);
    host.ref();
    if (this.#inFlight.size === 1) this.#watch();
  }

  #settle(message: FromWorker): void {
    const job = this.#inFlight.get(message.id);
    if (!job) return;
    this.#inFlight.delete(message.id);
    this.#prologue.delete(job);
    this.#watch();
    if (message.ok) job.resolve(message.result);
    else job.reject(new Error(message.message));
    if (this.#inFlight.size === 0) this.#host?.unref();
    this.options.onFree();
  }

  /** Gives the job at the front its time. */
  #watch(): void {
    clearTimeout(this.#watchdog);
    const [job] = this.#inFlight.values();
    const host = this.#host;
    if (job?.timeoutMs === undefined || !host?.kill) return;
    const { timeoutMs } = job;
    this.#watchdog = setTimeout(() => {
      this.#overtime = true;
      host.kill!(`no answer within ${timeoutMs / 1000} s`);
    }, timeoutMs);
  }

  #bury(reason: string): void {
    clearTimeout(this.#watchdog);
    const overtime = this.#overtime;
    this.#overtime = false;
    const jobs = [...this.#inFlight.values()];
    this.#inFlight.clear();
    // A fresh worker sends its prologue anew. A prologue that kills must not be retried for ever on behalf of the first
    // real job behind it: that job takes the blame.
    const others = jobs.filter((job) => !this.#prologue.has(job));
    for (const job of this.#prologue) job.reject(new Error(reason));
    this.#prologue.clear();
    // What stood behind goes first: it may put itself in front of the queue again, and then the culprit before it.
    for (const job of others.toReversed()) {
      const culprit = job === others[0];
      job.orphan({ reason, culprit, overtime: culprit && overtime });
    }
    this.options.onFree();
  }
}
