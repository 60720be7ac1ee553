import { PlatformError, metrics, type Logger } from '@app/observability';
import type { Part } from './call-queue.js';
import type { LoadOptions, OrtRequest, RunResult, SessionInfo, TensorData, Tensors } from './ort-protocol.js';
import { workerFile } from './worker-file.js';
import { WorkerPool } from './worker-pool.js';

/** Rows of one run. Larger runs are hardly faster a row, and would keep small calls waiting. */
const CHUNK_ROWS = 64;
/** Rows that may wait: a few seconds of work for a model of a millisecond a row. */
const MOST_WAITING_ROWS = 16_384;

export interface InferenceWorkerOptions {
  readonly logger: Logger;
  /** Rows of one run; 64 unless told. */
  readonly chunkRows?: number;
  /** Rows that may wait before `run` rejects with OVERLOADED; 16,384 unless told. */
  readonly maxWaitingRows?: number;
  /** Handler module of the thread; `ort-worker` unless told. */
  readonly handler?: URL;
}

/**
 * The main thread's handle on the one thread in which ONNX Runtime runs. Bounded: when too many rows wait, `run` rejects
 * with OVERLOADED. Calls are cut into runs of 64 rows that take turns, so that a large call does not starve a small one.
 */
export class InferenceWorker {
  readonly #loads = new Map<string, LoadOptions>();
  readonly #pool: WorkerPool;
  readonly #chunkRows: number;

  constructor(options: InferenceWorkerOptions) {
    const { logger, chunkRows = CHUNK_ROWS, maxWaitingRows = MOST_WAITING_ROWS, handler } = options;
    this.#chunkRows = chunkRows;
    this.#pool = new WorkerPool({
      name: 'inference',
      handler: handler ?? workerFile('ort-worker', import.meta.url),
      threads: 1,
      maxCost: maxWaitingRows,
      logger,
      // A thread that replaces a dead one knows no models.
      prologue: () =>
        [...this.#loads].map(([model, options]) => ({ cost: 0, build: () => loadRequest(model, options) })),
    });
  }

  /**
   * Loads a model under a name; one of the same name is replaced.
   *
   * @throws PlatformError INFERENCE_FAILED when the file is not the one that `sha256` names, or can't be loaded.
   */
  async load(model: string, options: LoadOptions): Promise<SessionInfo> {
    const info = (await this.#single(loadRequest(model, options))) as SessionInfo;
    this.#loads.set(model, options);
    return info;
  }

  /** Frees a model; unknown names are ignored. */
  async release(model: string): Promise<void> {
    this.#loads.delete(model);
    await this.#single({ request: { kind: 'release', model } satisfies OrtRequest });
  }

  /** Makes the session write its profile, for models loaded with a `profilePrefix`. */
  async endProfile(model: string): Promise<void> {
    await this.#single({ request: { kind: 'end-profile', model } satisfies OrtRequest });
  }

  /**
   * Runs a model. The inputs are left as they are: each run gets a copy of its rows, and that copy is moved.
   *
   * @param inputs tensors whose first dimension is the same number of rows.
   * @returns outputs whose first dimension is that number too.
   * @throws PlatformError INFERENCE_FAILED or OVERLOADED.
   */
  async run(model: string, inputs: Tensors): Promise<Tensors> {
    const provider = this.#loads.get(model)?.provider;
    if (!provider) throw new PlatformError('INFERENCE_FAILED', `model ${model} is not loaded`);
    const rows = rowsOf(inputs);

    const parts: Part[] = [];
    for (let start = 0; start < rows; start += this.#chunkRows) {
      const end = Math.min(rows, start + this.#chunkRows);
      parts.push({ cost: end - start, build: () => runRequest(model, inputs, start, end) });
    }
    const results = (await this.#pool.call(parts)) as RunResult[];
    results.forEach(({ seconds }, i) => {
      metrics.inferenceSeconds.observe({ model, provider }, seconds);
      metrics.inferenceRows.observe({ model }, parts[i]!.cost);
    });
    return concatenate(results.map(({ outputs }) => outputs));
  }

  /** Finishes the run that is on, refuses those that wait, frees the sessions and ends the thread. */
  close(): Promise<void> {
    return this.#pool.close();
  }

  async #single(built: ReturnType<Part['build']>): Promise<unknown> {
    const [result] = await this.#pool.call([{ cost: 0, build: () => built }]);
    return result;
  }
}

function loadRequest(model: string, options: LoadOptions): { request: OrtRequest } {
  return { request: { kind: 'load', model, ...options } };
}

function runRequest(model: string, inputs: Tensors, start: number, end: number) {
  const rows = Object.fromEntries(Object.entries(inputs).map(([name, tensor]) => [name, slice(tensor, start, end)]));
  const request: OrtRequest = { kind: 'run', model, inputs: rows };
  return { request, transfer: Object.values(rows).map(({ data }) => data.buffer as ArrayBuffer) };
}

function rowsOf(inputs: Tensors): number {
  const counts = new Set(Object.values(inputs).map(({ dims }) => dims[0]));
  const [rows] = counts;
  if (counts.size !== 1 || rows === undefined || rows < 1) {
    const dims = Object.entries(inputs).map(([name, tensor]) => `${name} [${tensor.dims.join(', ')}]`);
    throw new PlatformError('INFERENCE_FAILED', `inputs need one number of rows, at least 1: ${dims.join(', ')}`);
  }
  return rows;
}

function slice(tensor: TensorData, start: number, end: number): TensorData {
  const [rows = 1, ...rest] = tensor.dims;
  const width = tensor.data.length / rows;
  const dims = [end - start, ...rest];
  if (tensor.dtype === 'int64') return { dtype: 'int64', dims, data: tensor.data.slice(start * width, end * width) };
  return { dtype: 'float32', dims, data: tensor.data.slice(start * width, end * width) };
}

function concatenate(chunks: readonly Tensors[]): Tensors {
  const [first] = chunks;
  if (!first || chunks.length === 1) return first ?? {};
  return Object.fromEntries(Object.keys(first).map((name) => [name, join(chunks.map((chunk) => chunk[name]!))]));
}

function join(tensors: readonly TensorData[]): TensorData {
  const first = tensors[0]!;
  const dims = [tensors.reduce((sum, tensor) => sum + tensor.dims[0]!, 0), ...first.dims.slice(1)];
  const length = tensors.reduce((sum, tensor) => sum + tensor.data.length, 0);
  const data = first.dtype === 'int64' ? new BigInt64Array(length) : new Float32Array(length);
  let at = 0;
  for (const tensor of tensors) {
    // Chunks of one output have one type; the two signatures of `set` can't say so.
    (data.set as (source: Float32Array | BigInt64Array, offset: number) => void).call(data, tensor.data, at);
    at += tensor.data.length;
  }
  return { dtype: first.dtype, dims, data } as TensorData;
}
