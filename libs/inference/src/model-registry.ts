import type { Env } from '@app/config';
import { PlatformError, messageOf, type ErrorCode, type Logger } from '@app/observability';
import { inferencePlan } from './cpu-quota.js';
import { InferenceWorker } from './inference-worker.js';
import { memoryLimit } from './memory-limit.js';
import { readManifest, type ModelManifest } from './model-manifest.js';
import { findPackages, type FoundPackage } from './model-packages.js';
import { provePackage, type ProvenPackage } from './model-proof.js';
import type { Provider, Tensors } from './ort-protocol.js';
import { ResidentModels, nextSession, showProvider, type KeptAtMost, type ResidentModel } from './resident-models.js';
import type { RunOptions } from './run-options.js';

/** Memory of one worker unless told: what a model of a few hundred megabytes needs, and batches. */
const MOST_WORKER_MB = 4096;

/** A package that serves: its numbers were reproduced on the provider that it runs on. */
export interface LoadedModel {
  readonly name: string;
  readonly manifest: ModelManifest;
  readonly sha256: string;
  readonly provider: Provider;
  /** Why it does not run where it was wanted to. */
  readonly providerFallback?: string;
  /**
   * What is not given in `options` is taken from the surrounding `withRunOptions`.
   *
   * @throws PlatformError; see `InferenceWorker.run`.
   */
  run(inputs: Tensors, options?: RunOptions): Promise<Tensors>;
  /**
   * Runs it with outputs that stay in its worker as inputs of the next run: a decoder's cache. They are freed when `work`
   * ends, which is done once more from the beginning when the worker dies.
   *
   * @throws PlatformError as `run`.
   */
  keeping<Result>(
    what: KeptAtMost,
    work: (run: (inputs: Tensors) => Promise<Tensors>) => Promise<Result>,
  ): Promise<Result>;
}

/** A package that does not serve. */
export interface RefusedModel {
  readonly name: string;
  readonly code: ErrorCode;
  readonly reason: string;
  /** Where it could be read. */
  readonly manifest?: ModelManifest;
}

/** Where a package stands. */
export type ModelState =
  /** It answers at once. */
  | 'ready'
  /** It is proven and comes back when it is asked. */
  | 'unloaded'
  | 'refused'
  | 'removed';

/** Something that happened to a package; what is written into the history. */
export interface ModelEvent {
  readonly name: string;
  readonly state: ModelState;
  readonly version?: string;
  readonly sha256?: string;
  readonly provider?: Provider;
  readonly providerFallback?: string;
  readonly code?: ErrorCode;
  readonly reason?: string;
}

/** One package as `GET /models` shows it. */
export interface ModelStatus {
  readonly loaded?: LoadedModel;
  /** Whether a session is in memory. */
  readonly resident: boolean;
  /** Bytes that its sessions take, as estimated when it was proven. */
  readonly bytes?: number;
  /** The newest files on the disk are not what serves, and why. */
  readonly refused?: RefusedModel;
}

/** What the registry and its workers need of the configuration. */
export type InferenceEnv = Pick<Env, 'MODELS_DIR' | 'PROVIDER' | 'PROVIDER_STRICT'> &
  Partial<
    Pick<
      Env,
      | 'INFERENCE_THREADS'
      | 'INFERENCE_WORKERS'
      | 'INFERENCE_TIMEOUT_SECONDS'
      | 'MODELS_EXTRA_DIR'
      | 'MODEL_MEMORY_MB'
      | 'WORKER_MEMORY_MB'
      | 'CUDA_LIBRARY_PATH'
    >
  >;

export interface RegistryOptions {
  readonly env: InferenceEnv;
  readonly worker: InferenceWorker;
  readonly logger: Logger;
  /** A worker for trials; one with the limits of `env` unless told. It is closed after each scan. */
  readonly makeTrial?: () => InferenceWorker;
  /** Throws for a package that nobody knows how to forecast with. */
  readonly accept?: (model: LoadedModel) => void;
  /** Time without a run after which a version that was replaced is let go. */
  readonly retireAfterMs?: number;
}

interface Entry {
  signature: string;
  loaded?: LoadedModel;
  resident?: ResidentModel;
  refused?: RefusedModel;
}

/**
 * The model packages of `MODELS_DIR` and `MODELS_EXTRA_DIR`, by `<family>/<name>`. A package that changed on the disk is
 * proven beside the one that serves and takes its place between two requests; one that fails is refused with the reason
 * and the old one serves on.
 */
export class ModelRegistry {
  readonly #entries = new Map<string, Entry>();
  readonly #residents: ResidentModels;
  readonly #listeners: ((event: ModelEvent) => void)[] = [];
  #scanning: Promise<void> = Promise.resolve();

  private constructor(private readonly options: RegistryOptions) {
    const { worker, env, logger, retireAfterMs } = options;
    const budgetBytes = (env.MODEL_MEMORY_MB ?? 0) * 2 ** 20;
    this.#residents = new ResidentModels({ worker, logger, budgetBytes, retireAfterMs });
    const tell = (state: ModelState) => (version: ResidentModel) => {
      const { loaded, resident } = this.#entries.get(version.name) ?? {};
      // A version that was replaced goes without a word.
      if (loaded && resident === version) this.#tell(eventOf(loaded, state));
    };
    this.#residents.onUnload = tell('unloaded');
    this.#residents.onLoad = tell('ready');
  }

  /**
   * Loads every package `<family>/<name>/` with a manifest or a model. A package that is incomplete, changed, or does
   * not reproduce its golden numbers is refused with the reason, and logged; the others serve.
   *
   * @throws PlatformError CONFIG_INVALID under `PROVIDER_STRICT` when a model would have to fall back.
   */
  static async load(options: RegistryOptions): Promise<ModelRegistry> {
    const registry = new ModelRegistry(options);
    // While nothing serves, the workers themselves may be put at risk: no process more, and a sooner start.
    await registry.#scan(undefined, options.makeTrial ? undefined : options.worker);
    return registry;
  }

  /** The packages that serve, by name. */
  get loaded(): LoadedModel[] {
    return this.#sorted().flatMap(({ loaded }) => loaded ?? []);
  }

  /** The packages that do not serve, and new files that do not replace what serves. */
  get refused(): RefusedModel[] {
    return this.#sorted().flatMap(({ refused }) => refused ?? []);
  }

  /** All packages, by name. */
  status(): ModelStatus[] {
    return this.#sorted().map(({ loaded, refused, resident }) => ({
      ...(loaded ? { loaded } : {}),
      ...(refused ? { refused } : {}),
      resident: resident?.isResident ?? false,
      ...(resident ? { bytes: resident.bytes } : {}),
    }));
  }

  /** What happened last to each package: the beginning of a history. */
  events(): ModelEvent[] {
    return this.status().map(({ loaded, refused, resident }) =>
      loaded ? eventOf(loaded, resident ? 'ready' : 'unloaded') : refusedEvent(refused!),
    );
  }

  /** Calls the listener with everything that happens from now on. */
  onEvent(listener: (event: ModelEvent) => void): void {
    this.#listeners.push(listener);
  }

  /**
   * Looks at the folders and takes in what changed. Scans follow each other.
   *
   * @param again name of a package to be proven once more although its files did not change.
   * @throws PlatformError CONFIG_INVALID under `PROVIDER_STRICT`.
   */
  scan(again?: string): Promise<void> {
    const scan = this.#scanning.then(() => this.#scan(again));
    this.#scanning = scan.catch(() => undefined);
    return scan;
  }

  /**
   * Brings a package into memory: one that is unloaded, or one that was refused, after proving it anew.
   *
   * @throws PlatformError MODEL_NOT_FOUND; what is wrong with it when it is refused.
   */
  async bring(name: string): Promise<void> {
    await this.scan(this.#entries.get(name)?.loaded ? undefined : name);
    const entry = this.#find(name);
    const { refused, resident } = entry;
    if (resident) await resident.bring();
    else if (refused) throw new PlatformError(refused.code, refused.reason, { model: name });
  }

  /**
   * Frees the memory of a package, once its runs are answered; it comes back when it is asked.
   *
   * @throws PlatformError MODEL_NOT_FOUND.
   */
  async unload(name: string): Promise<void> {
    await this.#find(name).resident?.unload();
  }

  #find(name: string): Entry {
    const entry = this.#entries.get(name);
    if (entry) return entry;
    const names = [...this.#entries.keys()].join(', ');
    throw new PlatformError('MODEL_NOT_FOUND', `there is no model package "${name}"; there are ${names}`, {
      model: name,
    });
  }

  #sorted(): Entry[] {
    return [...this.#entries].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry);
  }

  async #scan(again?: string, idle?: InferenceWorker): Promise<void> {
    const { env } = this.options;
    const found = await findPackages([env.MODELS_DIR, ...(env.MODELS_EXTRA_DIR ? [env.MODELS_EXTRA_DIR] : [])]);
    const changed = found.filter(
      ({ name, signature }) => name === again || this.#entries.get(name)?.signature !== signature,
    );
    const names = new Set(found.map(({ name }) => name));
    for (const name of [...this.#entries.keys()].filter((known) => !names.has(known))) this.#remove(name);
    if (changed.length === 0) return;

    const trial = idle ?? this.options.makeTrial?.() ?? this.#trial();
    try {
      for (const one of changed) await this.#take(one, trial);
    } finally {
      if (trial !== idle) await trial.close();
    }
  }

  #trial(): InferenceWorker {
    const { logger, env } = this.options;
    return new InferenceWorker({ logger, ...workerLimits(env) });
  }

  /** Proves a package and lets it serve, or refuses it. */
  async #take(found: FoundPackage, trial: InferenceWorker): Promise<void> {
    const { env, logger, accept } = this.options;
    const entry = this.#entries.get(found.name) ?? { signature: '' };
    this.#entries.set(found.name, entry);
    entry.signature = found.signature;
    // Proven in the workers that serve, it stays there.
    const stays = trial === this.options.worker;
    const session = stays ? nextSession(found.name) : found.name;
    let serves = false;
    try {
      const { threads } = inferencePlan({ workers: env.INFERENCE_WORKERS ?? 0, threads: env.INFERENCE_THREADS ?? 0 });
      const proven = await provePackage(found, { env, trial, logger, threads, session });
      const resident = this.#residents.make(proven, stays ? session : undefined);
      const loaded = loadedModel(proven, resident);
      accept?.(loaded);
      await resident.bring();
      serves = true;
      const old = entry.resident;
      // From here on whoever asks gets the new one; who has the old one may finish with it.
      Object.assign(entry, { loaded, resident, refused: undefined });
      old?.retire();
      const { name, provider, sha256, providerFallback } = loaded;
      logger.info({ model: name, provider, sha256, providerFallback }, 'a model package is ready');
      this.#tell(eventOf(loaded, 'ready'));
    } catch (error) {
      if (error instanceof PlatformError && error.code === 'CONFIG_INVALID' && !entry.loaded) throw error;
      entry.refused = await refusal(found, error);
      const { name, code, reason } = entry.refused;
      logger.error({ model: name, code, reason }, 'a model package is refused');
      this.#tell(refusedEvent(entry.refused));
    } finally {
      if (!(stays && serves)) await trial.release(session).catch(() => undefined);
    }
  }

  #remove(name: string): void {
    this.#entries.get(name)?.resident?.retire();
    this.#entries.delete(name);
    showProvider(name, undefined);
    this.options.logger.info({ model: name }, 'a model package is gone');
    this.#tell({ name, state: 'removed' });
  }

  #tell(event: ModelEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}

/** Workers as the configuration wants them. */
export function inferenceWorkers(env: InferenceEnv, logger: Logger): InferenceWorker {
  const { workers } = inferencePlan({ workers: env.INFERENCE_WORKERS ?? 0, threads: env.INFERENCE_THREADS ?? 0 });
  return new InferenceWorker({ logger, workers, ...workerLimits(env) });
}

function workerLimits(env: InferenceEnv) {
  const seconds = env.INFERENCE_TIMEOUT_SECONDS;
  return {
    memoryMb: env.WORKER_MEMORY_MB || Math.min(MOST_WORKER_MB, memoryLimit() / 2 / 2 ** 20),
    libraryPath: env.CUDA_LIBRARY_PATH,
    ...(seconds === undefined ? {} : { runTimeoutMs: seconds * 1000 }),
  };
}

function loadedModel(proven: ProvenPackage, resident: ResidentModel): LoadedModel {
  const { name, manifest, provider, fallback } = proven;
  return {
    name,
    manifest,
    sha256: proven.load.sha256,
    provider,
    ...(fallback === undefined ? {} : { providerFallback: fallback }),
    run: (inputs, options) => resident.run(inputs, options),
    keeping: (what, work) => resident.keeping(what, work),
  };
}

function eventOf({ name, manifest, sha256, provider, providerFallback }: LoadedModel, state: ModelState): ModelEvent {
  const fallback = providerFallback === undefined ? {} : { providerFallback };
  return { name, state, version: manifest.version, sha256, provider, ...fallback };
}

function refusedEvent({ name, code, reason, manifest }: RefusedModel): ModelEvent {
  const of = manifest ? { version: manifest.version, sha256: manifest.files['model.onnx'].sha256 } : {};
  return { name, state: 'refused', ...of, code, reason };
}

async function refusal({ name, folder }: FoundPackage, error: unknown): Promise<RefusedModel> {
  const code = error instanceof PlatformError ? error.code : 'MODEL_INVALID';
  const manifest = await readManifest(folder, name).catch(() => undefined);
  return { name, code, reason: messageOf(error), ...(manifest ? { manifest } : {}) };
}
