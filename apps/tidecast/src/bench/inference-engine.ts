import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';

import { loadEnv, type Env } from '@app/config';
import { InferenceWorker, ModelRegistry, inferenceWorkers, type LoadedModel, type Tensors } from '@app/inference';
import { createLogger } from '@app/observability';

import { repositoryRoot } from '../repository-root.js';

/** The engine as it serves, with a copy of one package. */
export interface BenchEngine {
  readonly registry: ModelRegistry;
  readonly worker: InferenceWorker;
  readonly model: LoadedModel;
  readonly env: Env;
  /** Of the package's copy. */
  readonly folder: string;
  close(): Promise<void>;
}

const logger = createLogger('bench', 'error');

/** @param chunkRows rows of one run, instead of what the engine makes of the cost of the model. */
export async function openEngine(name: string, chunkRows?: number): Promise<BenchEngine> {
  const models = mkdtempSync(join(tmpdir(), 'tidecast-bench-models-'));
  const folder = join(models, name);
  mkdirSync(folder, { recursive: true });
  cpSync(join(repositoryRoot(), 'models', name), folder, { recursive: true });
  const env = loadEnv({ MODELS_DIR: models, PROVIDER: 'cpu' });
  const usual = inferenceWorkers(env, logger);
  const worker = chunkRows === undefined ? usual : new InferenceWorker({ logger, workers: usual.workers, chunkRows });
  if (worker !== usual) await usual.close();
  const registry = await ModelRegistry.load({ env, worker, logger });
  const model = registry.loaded.find((one) => one.name === name);
  if (!model) throw new Error(`no model ${name}: ${registry.refused.map(({ reason }) => reason).join('; ')}`);
  const close = async () => {
    await worker.close();
    rmSync(models, { recursive: true, force: true });
  };
  return { registry, worker, model, env, folder, close };
}

/** Many different single rows for a model, out of its golden inputs. */
export function manyRows(folder: string, count: number): Tensors[] {
  const { cases } = JSON.parse(readFileSync(join(folder, 'golden.json'), 'utf8')) as {
    cases: { inputs: Record<string, { dtype: string; dims: number[]; data: number[] }> }[];
  };
  return Array.from({ length: count }, (_, i) =>
    Object.fromEntries(
      Object.entries(cases[0]!.inputs).map(([name, { dtype, dims, data }]) => {
        const row = data.slice(0, data.length / dims[0]!);
        const own = [1, ...dims.slice(1)];
        if (dtype === 'int64') return [name, { dtype: 'int64', dims: own, data: BigInt64Array.from(row, BigInt) }];
        // Equal rows would be computed once; the last value makes them differ.
        const values = Float32Array.from(row);
        if (name.includes('values')) values[values.length - 1] = i / count;
        return [name, { dtype: 'float32', dims: own, data: values }];
      }),
    ),
  );
}

/** What callers saw, each asking again as soon as it is answered. */
export interface LoadResult {
  readonly perSecond: number;
  readonly latenciesMs: readonly number[];
  /** Delay of the event loop of this process, the serving one: what a request would have waited besides. */
  readonly lagP99Ms: number;
  readonly failures: readonly string[];
}

/** Loads `ask` with so many callers for so long. */
export async function load(
  callers: number,
  seconds: number,
  ask: (call: number) => Promise<unknown>,
): Promise<LoadResult> {
  const lag = monitorEventLoopDelay({ resolution: 1 });
  const latenciesMs: number[] = [];
  const failures: string[] = [];
  let call = 0;
  const start = performance.now();
  const end = start + 1000 * seconds;
  const caller = async () => {
    for (let now = performance.now(); now < end;) {
      await ask(call++).catch((error: unknown) => failures.push(String(error)));
      const answered = performance.now();
      latenciesMs.push(answered - now);
      now = answered;
    }
  };
  lag.enable();
  await Promise.all(Array.from({ length: callers }, caller));
  lag.disable();
  const elapsed = (performance.now() - start) / 1000;
  // The histogram counts from one tick of its own timer to the next.
  return { perSecond: latenciesMs.length / elapsed, latenciesMs, lagP99Ms: lag.percentile(99) / 1e6 - 1, failures };
}

/** Gives the package's copy another version, as who replaces its files does. */
export function touchPackage(folder: string, version: string): void {
  const file = join(folder, 'manifest.json');
  const manifest = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  writeFileSync(file, JSON.stringify({ ...manifest, version }, null, 2));
}
