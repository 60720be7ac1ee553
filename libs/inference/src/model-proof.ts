import { join } from 'node:path';
import type { Env } from '@app/config';
import { PlatformError, messageOf, type ErrorCode, type Logger } from '@app/observability';
import { checkGolden, readGolden, type Golden } from './golden.js';
import type { InferenceWorker } from './inference-worker.js';
import { invalidModel, readManifest, type ModelManifest } from './model-manifest.js';
import type { FoundPackage } from './model-packages.js';
import type { LoadOptions, RunCost, SessionInfo, TensorData, Tensors } from './ort-protocol.js';
import { probeInChild } from './provider-probe.js';
import { chooseProvider, type ProviderChoice } from './providers.js';
import { elementsPerRow, rowsOf } from './tensor-rows.js';

/** Rows of the larger of the two runs whose times tell what a run costs. */
const MANY_ROWS = 16;
const TIMED_RUNS = 3;
/** Copies of the weights that a session keeps, most: as they were read, and as they are laid out for the CPU. */
const WEIGHT_COPIES = 2;

/** A package that may serve, and everything that was found out about it. */
export interface ProvenPackage extends ProviderChoice {
  readonly name: string;
  readonly manifest: ModelManifest;
  readonly load: LoadOptions;
  /** A small run to warm a session up with. */
  readonly warmUp: Tensors;
  /** Memory of one session. */
  readonly bytes: number;
}

export interface ProofOptions {
  readonly env: Pick<Env, 'PROVIDER' | 'PROVIDER_STRICT'> & Partial<Pick<Env, 'CUDA_LIBRARY_PATH'>>;
  /** A worker in which nothing serves: it may hang, crash or run out of memory. */
  readonly trial: InferenceWorker;
  readonly logger: Logger;
  /** Threads of a run. */
  readonly threads: number;
  /** Under which name the trial knows it; stays loaded there. */
  readonly session: string;
}

/**
 * Finds out whether a package may serve, and where: its manifest, the hash of its files, its tensors, its golden numbers
 * on the provider that it will run on, its memory and its speed.
 *
 * @throws PlatformError with a code of its own for each thing that can be wrong with a package: MODEL_INVALID,
 * MODEL_FILE_CHANGED, MODEL_FILE_BROKEN, MODEL_SHAPE_WRONG, MODEL_NOT_FINITE, MODEL_GOLDEN_MISMATCH, MODEL_TOO_SLOW,
 * MODEL_TOO_LARGE; CONFIG_INVALID under `PROVIDER_STRICT` when it would have to fall back.
 */
export async function provePackage(found: FoundPackage, options: ProofOptions): Promise<ProvenPackage> {
  const { folder, name } = found;
  const { env, trial, logger, threads, session } = options;
  const manifest = await readManifest(folder, name);
  const { 'golden.json': goldenEntry, 'model.onnx': modelEntry } = manifest.files;
  const goldenFile = { file: join(folder, 'golden.json'), sha256: goldenEntry.sha256 };
  const golden = await readGolden(goldenFile.file, goldenFile.sha256).catch((error: unknown) => {
    const message = messageOf(error);
    throw invalidModel(name, message, error, message.startsWith('sha256') ? 'MODEL_FILE_CHANGED' : 'MODEL_INVALID');
  });
  const base = { file: join(folder, 'model.onnx'), sha256: modelEntry.sha256, threads };
  const choice = await chooseProvider(
    env.PROVIDER,
    { load: { ...base, provider: 'cpu' }, golden: goldenFile },
    {
      probe: (request) => probeInChild(request, { libraryPath: env.CUDA_LIBRARY_PATH }),
    },
  );
  if (choice.fallback !== undefined) {
    if (env.PROVIDER_STRICT) {
      const message = `model ${name} can't run on PROVIDER=${env.PROVIDER} (${choice.fallback}), and PROVIDER_STRICT is set`;
      throw new PlatformError('CONFIG_INVALID', message, { model: name });
    }
    logger.warn({ model: name, reason: choice.fallback }, 'the model runs on the CPU instead');
  }

  const load: LoadOptions = { ...base, provider: choice.provider };
  const before = await trial.memory();
  checkTensors(manifest, await open(name, load, options));
  await checkNumbers(name, golden, load, options);
  const { inputs } = golden.cases[0]!;
  const cost = await measure(session, inputs, trial);
  const bytes = Math.max(modelEntry.bytes * WEIGHT_COPIES, (await trial.memory()) - before);
  return { ...choice, name, manifest, load: { ...load, cost }, warmUp: firstRows(inputs, 1), bytes };
}

async function open(name: string, load: LoadOptions, { trial, session }: ProofOptions): Promise<SessionInfo> {
  try {
    return await trial.load(session, load);
  } catch (error) {
    const message = messageOf(error);
    const code = ownCode(error) ?? (/sha256 of/.test(message) ? 'MODEL_FILE_CHANGED' : 'MODEL_FILE_BROKEN');
    throw invalidModel(name, `model.onnx can't be loaded: ${message}`, error, code);
  }
}

function checkTensors(manifest: ModelManifest, session: SessionInfo): void {
  const { name, inputs, outputs } = manifest;
  const missing = [
    ...inputs.filter((input) => !session.inputNames.includes(input.name)),
    ...outputs.filter((output) => !session.outputNames.includes(output.name)),
  ].map((tensor) => tensor.name);
  if (missing.length > 0) {
    throw invalidModel(
      name,
      `model.onnx lacks what manifest.json names: ${missing.join(', ')}`,
      undefined,
      'MODEL_SHAPE_WRONG',
    );
  }
  for (const tensor of [...inputs, ...outputs]) {
    const own = session.tensors[tensor.name];
    if (!own || fits(tensor, own)) continue;
    const [said, is] = [tensor, own].map(({ dtype, shape }) => `${dtype} [${shape.join(', ')}]`);
    const reason = `${tensor.name} is ${is} in model.onnx, manifest.json says ${said}`;
    throw invalidModel(name, reason, undefined, 'MODEL_SHAPE_WRONG');
  }
}

function fits(said: ModelManifest['inputs'][number], is: SessionInfo['tensors'][string]): boolean {
  const free = (dim: number | string) => typeof dim === 'string' || dim < 0;
  return (
    said.dtype === is.dtype &&
    said.shape.length === is.shape.length &&
    is.shape.every((dim, i) => free(dim) || free(said.shape[i]!) || dim === said.shape[i])
  );
}

async function checkNumbers(
  name: string,
  golden: Golden,
  load: LoadOptions,
  { trial, session }: ProofOptions,
): Promise<void> {
  const wrong = await checkGolden(golden, async (inputs) => (await trial.trial(session, inputs)).outputs).catch(
    (error: unknown) => {
      const message = messageOf(error);
      const shape = /invalid dimensions|invalid rank|shape|dimension/i.test(message);
      throw invalidModel(
        name,
        `on ${load.provider}: ${message}`,
        error,
        ownCode(error) ?? (shape ? 'MODEL_SHAPE_WRONG' : 'MODEL_INVALID'),
      );
    },
  );
  if (!wrong) return;
  const code = wrong.notFinite ? 'MODEL_NOT_FINITE' : 'MODEL_GOLDEN_MISMATCH';
  throw invalidModel(name, `on ${load.provider}: ${wrong.message}`, undefined, code);
}

/** Two sizes of a run give the line on which the others lie, near enough to choose batches by. */
async function measure(session: string, inputs: Tensors, trial: InferenceWorker): Promise<RunCost> {
  const [one, many] = [await time(firstRows(inputs, 1)), await time(firstRows(inputs, MANY_ROWS))];
  const rowSeconds = Math.max((many - one) / (MANY_ROWS - 1), 1e-7);
  return { overheadSeconds: Math.max(0, one - rowSeconds), secondsPerElement: rowSeconds / elementsPerRow(inputs) };

  // The quickest: on a busy machine all others say more about the neighbours.
  async function time(rows: Tensors): Promise<number> {
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < TIMED_RUNS; i++) least = Math.min(least, (await trial.trial(session, rows)).seconds);
    return least;
  }
}

/** As many rows as told: the first ones, from the beginning again where there are not enough. */
function firstRows(inputs: Tensors, count: number): Tensors {
  const rows = rowsOf(inputs);
  return Object.fromEntries(
    Object.entries(inputs).map(([name, { dtype, dims, data }]): [string, TensorData] => {
      const width = data.length / rows;
      const shape = [count, ...dims.slice(1)];
      const at = (i: number) => data[(Math.floor(i / width) % rows) * width + (i % width)]!;
      if (dtype === 'int64') {
        return [
          name,
          { dtype, dims: shape, data: BigInt64Array.from({ length: count * width }, (_, i) => BigInt(at(i))) },
        ];
      }
      return [
        name,
        { dtype, dims: shape, data: Float32Array.from({ length: count * width }, (_, i) => Number(at(i))) },
      ];
    }),
  );
}

function ownCode(error: unknown): ErrorCode | undefined {
  return error instanceof PlatformError && error.code !== 'INFERENCE_FAILED' ? error.code : undefined;
}
