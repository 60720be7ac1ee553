import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Env } from '@app/config';
import { PlatformError, messageOf, type Logger } from '@app/observability';
import { inferenceThreads } from './cpu-quota.js';
import { checkGolden, readGolden, type Golden } from './golden.js';
import type { InferenceWorker } from './inference-worker.js';
import { invalidModel, readManifest, type ModelManifest } from './model-manifest.js';
import type { LoadOptions, Provider, SessionInfo, Tensors } from './ort-protocol.js';
import { chooseProvider } from './providers.js';

/** A package that serves: its numbers were reproduced on the provider that it runs on. */
export interface LoadedModel {
  readonly name: string;
  readonly manifest: ModelManifest;
  readonly sha256: string;
  readonly provider: Provider;
  /** Why it does not run where it was wanted to. */
  readonly providerFallback?: string;
  /** @throws PlatformError INFERENCE_FAILED or OVERLOADED. */
  run(inputs: Tensors): Promise<Tensors>;
}

/** A package that does not serve. */
export interface RefusedModel {
  readonly name: string;
  readonly reason: string;
  /** Where it could be read. */
  readonly manifest?: ModelManifest;
}

export interface RegistryOptions {
  readonly env: Pick<Env, 'MODELS_DIR' | 'PROVIDER' | 'PROVIDER_STRICT' | 'INFERENCE_THREADS'>;
  readonly worker: InferenceWorker;
  readonly logger: Logger;
}

/** The model packages in `MODELS_DIR`, by `<family>/<name>`. */
export class ModelRegistry {
  private constructor(
    readonly loaded: readonly LoadedModel[],
    readonly refused: readonly RefusedModel[],
  ) {}

  /**
   * Loads every package `<family>/<name>/` with a manifest or a model. A package that is incomplete, changed, or does
   * not reproduce its golden numbers is refused with the reason, and logged; the others serve.
   *
   * @throws PlatformError CONFIG_INVALID under `PROVIDER_STRICT` when a model would have to fall back.
   */
  static async load(options: RegistryOptions): Promise<ModelRegistry> {
    const loaded: LoadedModel[] = [];
    const refused: RefusedModel[] = [];
    for (const name of await packagesIn(options.env.MODELS_DIR)) {
      const model = await open(name, options);
      if ('reason' in model) {
        refused.push(model);
        options.logger.error({ model: name, reason: model.reason }, 'a model package is refused');
      } else {
        loaded.push(model);
        const { provider, sha256, providerFallback } = model;
        options.logger.info({ model: name, provider, sha256, providerFallback }, 'a model package is ready');
      }
    }
    return new ModelRegistry(loaded, refused);
  }
}

async function packagesIn(folder: string): Promise<string[]> {
  const names: string[] = [];
  for (const family of await foldersIn(folder)) {
    for (const name of await foldersIn(join(folder, family))) {
      const isPackage = ['manifest.json', 'model.onnx'].some((file) => existsSync(join(folder, family, name, file)));
      if (isPackage) names.push(`${family}/${name}`);
    }
  }
  return names.sort();
}

async function foldersIn(folder: string): Promise<string[]> {
  if (!existsSync(folder)) return [];
  const entries = await readdir(folder, { withFileTypes: true });
  // Links too: a package may live elsewhere on the disk.
  return entries.filter((entry) => entry.isDirectory() || entry.isSymbolicLink()).map((entry) => entry.name);
}

async function open(name: string, options: RegistryOptions): Promise<LoadedModel | RefusedModel> {
  const folder = join(options.env.MODELS_DIR, name);
  let manifest: ModelManifest | undefined;
  try {
    manifest = await readManifest(folder, name);
    return await load(folder, manifest, options);
  } catch (error) {
    if (error instanceof PlatformError && error.code === 'CONFIG_INVALID') throw error;
    await options.worker.release(name);
    return { name, reason: messageOf(error), manifest };
  }
}

async function load(folder: string, manifest: ModelManifest, { env, worker, logger }: RegistryOptions) {
  const { name, files } = manifest;
  const goldenFile = { file: join(folder, 'golden.json'), sha256: files['golden.json'].sha256 };
  const golden = await readGolden(goldenFile.file, goldenFile.sha256).catch((error: unknown) => {
    throw invalidModel(name, messageOf(error), error);
  });
  const sha256 = files['model.onnx'].sha256;
  const threads = inferenceThreads(env.INFERENCE_THREADS);
  const base = { file: join(folder, 'model.onnx'), sha256, threads };
  const choice = await chooseProvider(env.PROVIDER, { load: { ...base, provider: 'cpu' }, golden: goldenFile });
  if (choice.fallback) {
    if (env.PROVIDER_STRICT) {
      const message = `model ${name} can't run on PROVIDER=${env.PROVIDER} (${choice.fallback}), and PROVIDER_STRICT is set`;
      throw new PlatformError('CONFIG_INVALID', message, { model: name });
    }
    logger.warn({ model: name, reason: choice.fallback }, 'the model runs on the CPU instead');
  }
  await prove(manifest, golden, { ...base, provider: choice.provider }, worker);
  return {
    name,
    manifest,
    sha256,
    provider: choice.provider,
    ...(choice.fallback === undefined ? {} : { providerFallback: choice.fallback }),
    run: (inputs: Tensors) => worker.run(name, inputs),
  };
}

/** Loads the model where it will serve and checks it there. */
async function prove(manifest: ModelManifest, golden: Golden, options: LoadOptions, worker: InferenceWorker) {
  const { name } = manifest;
  let session: SessionInfo;
  try {
    session = await worker.load(name, options);
  } catch (error) {
    throw invalidModel(name, `model.onnx can't be loaded: ${messageOf(error)}`, error);
  }
  const missing = [
    ...manifest.inputs.filter((input) => !session.inputNames.includes(input.name)),
    ...manifest.outputs.filter((output) => !session.outputNames.includes(output.name)),
  ].map((tensor) => tensor.name);
  if (missing.length > 0) throw invalidModel(name, `model.onnx lacks what manifest.json names: ${missing.join(', ')}`);
  const wrong = await checkGolden(golden, (inputs) => worker.run(name, inputs)).catch(messageOf);
  if (wrong !== undefined) throw invalidModel(name, `on ${options.provider}: ${wrong}`);
}
