import { PlatformError, messageOf, metrics, type Logger } from '@app/observability';
import { KeptTensors, KeptTensorsLost, type KeptOutputs } from './kept-tensors.js';
import { ModelQueue, type Admit } from './model-queue.js';
import type { LoadOptions, OrtRequest, RunResult, SessionInfo, Tensors } from './ort-protocol.js';
import type { RunBatch } from './run-batch.js';
import { runOptions, type Lane, type RunOptions } from './run-options.js';
import { chunked, rowsOf } from './tensor-rows.js';
import { workerFile } from './worker-file.js';
import { processHost, type ProcessLimits } from './worker-host.js';
import { WorkerSlot, type Death, type SlotJob } from './worker-slot.js';

/** A run or a load is tried once, and once more after the worker died under it. */
const MOST_ATTEMPTS = 2;
/** A run that takes longer is not coming back: the slowest shipped model takes a hundredth of it. */
const RUN_TIMEOUT_MS = 10_000;
/** Tensors that callers may keep in one worker from run to run; who would keep more waits. */
const MOST_KEPT_BYTES = 256 * 2 ** 20;
/** Reading a large file on a busy disk, and a first session on a GPU, take a while. */
const LOAD_TIMEOUT_MS = 60_000;

export interface InferenceWorkerOptions extends ProcessLimits {
  readonly logger: Logger;
  /** Worker processes, each with a session of every model; 1 unless told. */
  readonly workers?: number;
  /** Rows of one run; follows from the cost of the model unless told. */
  readonly chunkRows?: number;
  /** Rows of a model that may wait before `run` rejects with OVERLOADED; ten seconds of work unless told. */
  readonly maxWaitingRows?: number;
  /** After which a run is ended and fails with MODEL_TOO_SLOW; ten seconds unless told. */
  readonly runTimeoutMs?: number;
  /** The same for a load. */
  readonly loadTimeoutMs?: number;
  /** Handler module of the workers; `ort-worker` unless told. */
  readonly handler?: URL;
}

/** A model that is loaded or being loaded. */
interface Resident {
  readonly options: LoadOptions;
  readonly queue: ModelQueue;
  readonly slots: readonly WorkerSlot[];
  /** Calls without an answer, and batches under work. */
  open: number;
  /** It is to go: takes no more calls, and tells when the last one is answered. */
  onDrained?: () => void;
}

/**
 * The serving process's handle on the processes in which ONNX Runtime runs. Each model has one bounded queue; when it is
 * full, `run` rejects with OVERLOADED or, in the lanes `stream` and `batch`, waits. Rows of many callers share a run.
 *
 * An idle worker is never kept waiting: a batch gathers while the workers are busy, so that the wait is nothing when the
 * platform is idle and the length of a run when it is not.
 */
export class InferenceWorker {
  readonly #models = new Map<string, Resident>();
  /** Models on their way in, and the workers that have them already. */
  readonly #loading = new Map<string, { options: LoadOptions; slots: Set<WorkerSlot> }>();
  readonly #slots: readonly WorkerSlot[];
  readonly #kept = new Set<KeptTensors>();
  #closing: Promise<void> | undefined;
  #pumping = false;

  constructor(private readonly options: InferenceWorkerOptions) {
    const count = Math.max(1, options.workers ?? 1);
    this.#slots = Array.from({ length: count }, (_, i) => this.#slot(`inference-${i}`));
  }

  /** Worker processes, running or to be started when first needed. */
  get workers(): number {
    return this.#slots.length;
  }

  /**
   * Loads a model under a name, in every worker; on a GPU in one. One of the same name is replaced.
   *
   * @param warmUp inputs of a first run in each worker: the one that is slow.
   * @throws PlatformError INFERENCE_FAILED when the file is not the one that `sha256` names, or can't be loaded;
   * MODEL_TOO_SLOW or MODEL_TOO_LARGE when the worker had to be ended over it.
   */
  async load(model: string, options: LoadOptions, warmUp?: Tensors): Promise<SessionInfo> {
    if (this.#closing) throw closed();
    // Two sessions on one device gain nothing, and with WebGPU they crash.
    const slots = options.provider === 'cpu' ? this.#slots : this.#slots.slice(0, 1);
    const loading = { options, slots: new Set<WorkerSlot>() };
    this.#loading.set(model, loading);
    try {
      const [info] = await Promise.all(
        slots.map(async (slot) => {
          const loaded = await this.#send(slot, loadRequest(model, options), this.#loadTimeoutMs);
          loading.slots.add(slot);
          if (warmUp) await this.#send(slot, wholeRun(model, warmUp), this.#loadTimeoutMs);
          return loaded as SessionInfo;
        }),
      );
      // What waits for a model that is replaced is answered by its successor.
      const queue = this.#models.get(model)?.queue ?? this.#queue(model, options, slots.length);
      this.#models.set(model, { options, queue, slots, open: 0 });
      return info!;
    } finally {
      this.#loading.delete(model);
    }
  }

  /**
   * Lets a model serve that was loaded for its trial: takes over what was measured of it, and warms up the workers in which
   * it never ran.
   *
   * @throws PlatformError as `load`.
   */
  async settle(model: string, options: LoadOptions, warmUp: Tensors): Promise<void> {
    const resident = this.#models.get(model);
    if (!resident) throw notLoaded(model);
    const { slots } = resident;
    const [, ...others] = slots;
    await Promise.all(others.map((slot) => this.#send(slot, wholeRun(model, warmUp), this.#loadTimeoutMs)));
    this.#models.set(model, { options, queue: this.#queue(model, options, slots.length), slots, open: 0 });
  }

  /** Answers what waits for a model, then frees it; unknown names are ignored. */
  async release(model: string): Promise<void> {
    const resident = this.#models.get(model);
    if (resident) await this.#drain(resident);
    // Loaded anew meanwhile: that one stays.
    if (this.#models.get(model) !== resident) return;
    this.#models.delete(model);
    const request: OrtRequest = { kind: 'release', model };
    const started = this.#slots.filter((slot) => slot.isStarted);
    await Promise.all(started.map((slot) => this.#send(slot, request, this.#loadTimeoutMs)));
  }

  /** Ends profiling of a model that was loaded with `profilePrefix`; the profile is then on the disk. */
  async endProfile(model: string): Promise<void> {
    await this.#send(this.#slots[0]!, { kind: 'end-profile', model }, this.#loadTimeoutMs);
  }

  /**
   * Runs a model on any number of rows: dimension 0 of every tensor. The inputs are not changed, and must not be changed
   * until the answer is there. What is not given in `options` is taken from the surrounding `withRunOptions`.
   *
   * @returns the outputs, with as many rows.
   * @throws PlatformError INFERENCE_FAILED, OVERLOADED, DEADLINE_EXCEEDED, MODEL_TOO_SLOW, MODEL_TOO_LARGE; the reason
   * of `signal` when the caller left.
   */
  async run(model: string, inputs: Tensors, options?: RunOptions): Promise<Tensors> {
    if (this.#closing) throw closed();
    const resident = this.#models.get(model);
    if (!resident || resident.onDrained) throw notLoaded(model);
    const lost = options?.kept?.lost;
    if (lost !== undefined) throw new KeptTensorsLost(model, lost);
    const answer = resident.queue.add(inputs, runOptions(options), performance.now());
    this.#schedule();
    resident.open++;
    return answer.finally(() => this.#closeOne(resident));
  }

  /**
   * Lets outputs of a run stay in the worker, where the next run gets them as inputs. All runs of `work` that are given what it is
   * given have one worker, each is computed whole and with nobody else's rows. What is kept is freed when `work` ends. When
   * a worker dies with it, `work` is done once more from the beginning.
   *
   * @param bytes that are kept, most: who finds no room in any worker waits in the queue.
   */
  async keeping<Result>(
    { outputs, bytes }: { readonly outputs: KeptOutputs; readonly bytes: number },
    work: (kept: KeptTensors) => Promise<Result>,
  ): Promise<Result> {
    for (let attempt = 1; ; attempt++) {
      const kept = new KeptTensors(outputs, bytes);
      this.#kept.add(kept);
      try {
        return await work(kept);
      } catch (error) {
        if (!(error instanceof KeptTensorsLost) || attempt >= MOST_ATTEMPTS || this.#closing) throw error;
      } finally {
        this.#forget(kept);
      }
    }
  }

  /** Bytes that callers may have in a worker, as they said. */
  #keptIn(slot: WorkerSlot): number {
    let bytes = 0;
    for (const kept of this.#kept) if (kept.slot === slot) bytes += kept.bytes;
    return bytes;
  }

  #forget(kept: KeptTensors): void {
    this.#kept.delete(kept);
    const { slot, id } = kept;
    if (slot?.isStarted && kept.lost === undefined && !this.#closing) {
      // A worker that dies of it has nothing left to free.
      void this.#send(slot, { kind: 'forget', model: '', id }, this.#loadTimeoutMs).catch(() => undefined);
    }
    this.#schedule();
  }

  /**
   * Runs a model once on all rows, past the queue: for trials.
   *
   * @returns the outputs, and the seconds from here to the worker and back.
   */
  async trial(model: string, inputs: Tensors): Promise<{ outputs: Tensors; seconds: number }> {
    const start = performance.now();
    const timeoutMs = this.options.runTimeoutMs ?? RUN_TIMEOUT_MS;
    const { outputs } = (await this.#send(this.#slots[0]!, wholeRun(model, inputs), timeoutMs)) as RunResult;
    return { outputs, seconds: (performance.now() - start) / 1000 };
  }

  /** Bytes of memory that the first worker holds. */
  async memory(): Promise<number> {
    return (await this.#send(this.#slots[0]!, { kind: 'memory', model: '' }, this.#loadTimeoutMs)) as number;
  }

  /** Whether a run of this lane would have to wait for room, or be refused: time to pause what makes more work. */
  isFull(model: string, lane: Lane): boolean {
    return this.#models.get(model)?.queue.isFull(lane) ?? false;
  }

  /** Ends the run that is on, refuses those that wait, frees the sessions and ends the workers. May be called twice. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    for (const { queue } of this.#models.values()) queue.failAll(closed());
    await Promise.all(this.#slots.map((slot) => slot.close()));
  }

  /** Once a turn of the event loop: callers who were answered together ask again together, and share a batch again. */
  #schedule(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    setImmediate(() => {
      this.#pumping = false;
      this.#pump();
    });
  }

  #pump(): void {
    for (;;) {
      const idle = this.#slots.filter((slot) => slot.isIdle);
      // Those that run already go first: the others cost a start.
      const slots = [...idle.filter((slot) => slot.isStarted), ...idle, ...this.#slots.filter((slot) => slot.hasRoom)];
      if (!slots.some((slot) => this.#give(slot, idle.length))) return;
    }
  }

  /** Gives a worker the batch whose turn it is. A busy one gets only what is full: the rest may still grow. */
  #give(slot: WorkerSlot, idle: number): boolean {
    const kept = this.#keptIn(slot);
    const admit: Admit = (wanted) =>
      wanted.slot === undefined ? kept === 0 || kept + wanted.bytes <= MOST_KEPT_BYTES : wanted.slot === slot;
    let best: Resident | undefined;
    let bestRank = Number.POSITIVE_INFINITY;
    for (const resident of this.#models.values()) {
      if (!resident.slots.includes(slot) || !(slot.isIdle || resident.queue.hasFullBatch)) continue;
      const rank = resident.queue.rankFor(admit);
      if (rank === undefined || rank >= bestRank) continue;
      [best, bestRank] = [resident, rank];
    }
    const batch = best?.queue.take(performance.now(), Math.min(idle, best.slots.length) || 1, admit);
    if (!best || !batch) return false;
    this.#post(slot, best, batch);
    return true;
  }

  #post(slot: WorkerSlot, resident: Resident, batch: RunBatch): void {
    // Versions of a model share a line in the metrics.
    const [model] = batch.model.split('@') as [string];
    const { provider } = resident.options;
    resident.open++;
    const done = () => {
      this.#closeOne(resident);
      this.#schedule();
    };
    slot.post({
      timeoutMs: this.options.runTimeoutMs ?? RUN_TIMEOUT_MS,
      build: () => {
        const request = batch.request();
        if (batch.kept) batch.kept.slot = slot;
        return { request };
      },
      resolve: (result) => {
        const { outputs, seconds } = result as RunResult;
        metrics.inferenceSeconds.observe({ model, provider }, seconds);
        metrics.inferenceRows.observe({ model }, batch.rows);
        if (!batch.deliver(outputs)) this.#afterMismatch(resident, batch);
        done();
      },
      reject: (error) => {
        // One wrong input must not fail those who happened to be in the same batch.
        if (batch.pieces.length > 1) resident.queue.retry(batch.split());
        else batch.fail(failed(batch.model, error));
        done();
      },
      orphan: (death) => {
        this.#afterDeath(resident, batch, death);
        done();
      },
    });
  }

  #afterMismatch(resident: Resident, batch: RunBatch): void {
    if (batch.pieces.length > 1) {
      resident.queue.retry(batch.split());
      return;
    }
    const message = `${batch.model}: an output has not as many rows as the inputs; ask for fewer rows at once`;
    batch.fail(new PlatformError('INFERENCE_FAILED', message, { model: batch.model }));
  }

  /** The work of a worker that died: once more, each caller's apart from the others'; then it fails. */
  #afterDeath(resident: Resident, batch: RunBatch, { reason, culprit, overtime }: Death): void {
    if (this.#closing) batch.fail(closed());
    else if (overtime) batch.fail(tooSlow(batch.model, reason));
    else if (batch.kept) batch.fail(new KeptTensorsLost(batch.model, reason));
    else if (culprit && ++batch.attempts >= MOST_ATTEMPTS) batch.fail(diedOf(batch.model, reason));
    else resident.queue.retry(culprit ? batch.split() : [batch]);
  }

  /** A request to one worker outside the queues. */
  #send(slot: WorkerSlot, request: OrtRequest, timeoutMs: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      let attempts = 0;
      const job: SlotJob = {
        timeoutMs,
        build: () => ({ request }),
        resolve,
        reject: (error) => reject(failed(request.model, error)),
        orphan: ({ reason, culprit, overtime }) => {
          if (this.#closing) reject(closed());
          else if (overtime) reject(tooSlow(request.model, reason));
          else if (culprit && ++attempts >= MOST_ATTEMPTS) reject(diedOf(request.model, reason));
          else slot.post(job);
        },
      };
      slot.post(job);
    });
  }

  #slot(name: string): WorkerSlot {
    const { logger, memoryMb, libraryPath, handler } = this.options;
    const slot: WorkerSlot = new WorkerSlot({
      name,
      logger,
      handler: handler ?? workerFile('ort-worker', import.meta.url),
      host: processHost({ memoryMb, libraryPath }),
      // A worker that replaces a dead one knows no models.
      prologue: () => {
        const had = [...this.#models].filter(([, { slots }]) => slots.includes(slot));
        const coming = [...this.#loading].filter(([, { slots }]) => slots.has(slot));
        return [...had, ...coming].map(([model, { options }]) => this.#reload(name, model, options));
      },
      onDeath: () => {
        metrics.inferenceWorkerDeaths.inc();
        for (const kept of this.#kept) if (kept.slot === slot) kept.lose('its worker died');
      },
      onFree: () => this.#schedule(),
    });
    return slot;
  }

  #reload(worker: string, model: string, options: LoadOptions): SlotJob {
    const reject = (error: unknown) =>
      this.options.logger.error({ worker, model, reason: messageOf(error) }, 'a fresh worker could not load a model');
    return {
      timeoutMs: this.#loadTimeoutMs,
      build: () => ({ request: loadRequest(model, options) }),
      resolve: () => undefined,
      reject,
      orphan: ({ reason }) => reject(new Error(reason)),
    };
  }

  #queue(model: string, { cost }: LoadOptions, workers: number): ModelQueue {
    const { chunkRows: batchRows, maxWaitingRows } = this.options;
    return new ModelQueue(model, { cost, batchRows, maxWaitingRows, workers });
  }

  #drain(resident: Resident): Promise<void> {
    return new Promise((resolve) => {
      resident.onDrained = resolve;
      if (resident.open === 0) resolve();
    });
  }

  #closeOne(resident: Resident): void {
    if (--resident.open === 0) resident.onDrained?.();
  }

  get #loadTimeoutMs(): number {
    return this.options.loadTimeoutMs ?? LOAD_TIMEOUT_MS;
  }
}

function loadRequest(model: string, options: LoadOptions): OrtRequest {
  return { kind: 'load', model, ...options };
}

function wholeRun(model: string, inputs: Tensors): OrtRequest {
  return { kind: 'run', model, inputs: chunked(inputs, rowsOf(inputs), (name) => [inputs[name]!.data]) };
}

function notLoaded(model: string): PlatformError {
  return new PlatformError('INFERENCE_FAILED', `model ${model} is not loaded`, { model });
}

function closed(): PlatformError {
  return new PlatformError('INFERENCE_FAILED', 'inference is shutting down');
}

function failed(model: string, error: unknown): PlatformError {
  if (error instanceof PlatformError) return error;
  const message = messageOf(error);
  if (message.startsWith('nothing is kept as')) return new KeptTensorsLost(model, message);
  // How ONNX Runtime and V8 say that the worker has no more memory.
  const outOfMemory = /bad_alloc|failed to allocate memory|out of memory|array buffer allocation failed/i.test(message);
  if (outOfMemory) return tooLarge(model, message, error);
  return new PlatformError('INFERENCE_FAILED', `${model}: ${message}`, { model }, { cause: error });
}

function diedOf(model: string, reason: string): PlatformError {
  if (/bad_alloc|allocation failed|out of memory/i.test(reason)) return tooLarge(model, reason);
  return new PlatformError('INFERENCE_FAILED', `${model}: the worker died twice (${reason})`, { model });
}

function tooLarge(model: string, reason: string, cause?: unknown): PlatformError {
  const message = `${model} needs more memory than a worker may take (${reason}); raise WORKER_MEMORY_MB or send less`;
  return new PlatformError('MODEL_TOO_LARGE', message, { model }, { cause });
}

function tooSlow(model: string, reason: string): PlatformError {
  return new PlatformError('MODEL_TOO_SLOW', `${model} was ended: ${reason}`, { model });
}
