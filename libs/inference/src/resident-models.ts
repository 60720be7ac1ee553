import { metrics, type Logger } from '@app/observability';
import type { InferenceWorker } from './inference-worker.js';
import type { KeptOutputs } from './kept-tensors.js';
import { memoryLimit } from './memory-limit.js';
import type { ProvenPackage } from './model-proof.js';
import type { Tensors } from './ort-protocol.js';
import type { ProviderChoice } from './providers.js';
import { runOptions, type RunOptions } from './run-options.js';

/** Part of the memory that this process may use which models may take, unless a budget is set. */
const USUAL_SHARE = 0.25;
/** A forecast of many runs never pauses as long as this between two of them. */
const RETIRE_AFTER_MS = 30_000;

export interface ResidentOptions {
  readonly worker: InferenceWorker;
  readonly logger: Logger;
  /** Bytes that the sessions of all models may take together; 0 takes a quarter of the memory. */
  readonly budgetBytes: number;
  readonly retireAfterMs?: number;
}

/** Outputs that stay in the worker, as inputs of the next run, and the bytes that they come to, most. */
export interface KeptAtMost {
  readonly outputs: KeptOutputs;
  readonly bytes: number;
}

type Run = (inputs: Tensors) => Promise<Tensors>;

/** One version of a model: in memory, or on its way there or out. */
export interface ResidentModel {
  readonly name: string;
  readonly bytes: number;
  readonly isResident: boolean;
  /** Runs it, after bringing it back where it was unloaded. */
  run(inputs: Tensors, options?: RunOptions): Promise<Tensors>;
  /** Runs it with outputs that stay in its worker; see `InferenceWorker.keeping`. */
  keeping<Result>(what: KeptAtMost, work: (run: Run) => Promise<Result>): Promise<Result>;
  bring(): Promise<void>;
  /** Frees its memory; it comes back with the next run. */
  unload(): Promise<void>;
  /** It was replaced: goes for good when nobody has used it for a while. */
  retire(): void;
}

/**
 * The models that are in memory, within a budget: when one comes in, those that were not used for longest go until the
 * others fit. One that is larger than the budget is kept alone.
 */
export class ResidentModels {
  readonly #resident = new Set<Version>();
  readonly #budget: number;
  /** A version came back. */
  onLoad: (version: ResidentModel) => void = () => undefined;
  onUnload: (version: ResidentModel) => void = () => undefined;

  constructor(private readonly options: ResidentOptions) {
    this.#budget = options.budgetBytes || memoryLimit() * USUAL_SHARE;
  }

  /**
   * A version that is not resident yet.
   *
   * @param session under which the worker has it already, from its trial; a name of `nextSession`.
   */
  make(proven: ProvenPackage, session?: string): ResidentModel {
    const { worker, retireAfterMs = RETIRE_AFTER_MS } = this.options;
    return new Version(proven, session, worker, retireAfterMs, {
      came: (version, first) => this.#came(version, first),
      went: (version) => {
        this.#resident.delete(version);
        this.onUnload(version);
      },
    });
  }

  #came(version: Version, first: boolean): void {
    this.#resident.add(version);
    if (!first) this.onLoad(version);
    const taken = () => [...this.#resident].reduce((sum, { bytes }) => sum + bytes, 0);
    const others = [...this.#resident].filter((other) => other !== version).sort((a, b) => a.lastUse - b.lastUse);
    for (const other of others) {
      if (taken() <= this.#budget) return;
      this.options.logger.info({ model: other.name, bytes: other.bytes }, 'a model is unloaded to make room');
      this.#resident.delete(other);
      void other.unload();
    }
  }
}

class Version implements ResidentModel {
  readonly name: string;
  readonly bytes: number;
  /** Milliseconds, of the monotonic clock. */
  lastUse = performance.now();
  /** Under this name the workers know it: versions of one model live beside each other while one replaces the other. */
  readonly #key: string;
  /** `loaded`: in the worker, and nobody was told. */
  #state: 'in' | 'out' | 'loaded';
  /** Loads and unloads follow each other. */
  #moves: Promise<void> = Promise.resolve();
  #wasIn = false;
  #retiring: NodeJS.Timeout | undefined;

  constructor(
    private readonly proven: ProvenPackage,
    session: string | undefined,
    private readonly worker: InferenceWorker,
    private readonly retireAfterMs: number,
    private readonly tell: { came(version: Version, first: boolean): void; went(version: Version): void },
  ) {
    this.name = proven.name;
    this.bytes = proven.bytes * (proven.load.provider === 'cpu' ? worker.workers : 1);
    this.#key = session ?? nextSession(proven.name);
    this.#state = session === undefined ? 'out' : 'loaded';
  }

  get isResident(): boolean {
    return this.#state === 'in';
  }

  async run(inputs: Tensors, options?: RunOptions): Promise<Tensors> {
    const own = runOptions(options);
    this.lastUse = performance.now();
    if (this.#state !== 'in') await this.bring();
    // Nothing was awaited since it was in: it can't have gone.
    return this.worker.run(this.#key, inputs, own).finally(() => (this.lastUse = performance.now()));
  }

  keeping<Result>(what: KeptAtMost, work: (run: Run) => Promise<Result>): Promise<Result> {
    return this.worker.keeping(what, (kept) => work((inputs) => this.run(inputs, { kept })));
  }

  bring(): Promise<void> {
    return this.#move(async () => {
      if (this.#state === 'in') return;
      const { load, warmUp } = this.proven;
      if (this.#state === 'loaded') await this.worker.settle(this.#key, load, warmUp);
      else await this.worker.load(this.#key, load, warmUp);
      this.#state = 'in';
      showProvider(this.name, this.proven);
      this.tell.came(this, !this.#wasIn);
      this.#wasIn = true;
    });
  }

  unload(): Promise<void> {
    return this.#move(async () => {
      if (this.#state === 'out') return;
      this.#state = 'out';
      this.tell.went(this);
      await this.worker.release(this.#key);
    });
  }

  retire(): void {
    clearTimeout(this.#retiring);
    const idle = performance.now() - this.lastUse;
    if (idle >= this.retireAfterMs) {
      void this.unload();
      return;
    }
    this.#retiring = setTimeout(() => this.retire(), this.retireAfterMs - idle).unref();
  }

  #move(step: () => Promise<void>): Promise<void> {
    const move = this.#moves.then(step);
    this.#moves = move.catch(() => undefined);
    return move;
  }
}

let next = 0;

/** A name for a session of a package that no other has: versions of one model live beside each other for a while. */
export function nextSession(name: string): string {
  return `${name}@${(next += 1)}`;
}

/** Shows where a model runs, and nothing of where it ran before; undefined when it is gone. */
export function showProvider(model: string, choice: ProviderChoice | undefined): void {
  for (const provider of ['cpu', 'cuda', 'webgpu']) {
    for (const fallback of ['true', 'false']) metrics.modelProvider.remove({ model, provider, fallback });
  }
  if (!choice) return;
  const { provider, fallback } = choice;
  metrics.modelProvider.set({ model, provider, fallback: String(fallback !== undefined) }, 1);
}
