// Handler module of the inference processes, and the only file that imports ONNX Runtime: its Node binding loads and runs
// synchronously, and what crashes in it takes its process along.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { InferenceSession, OnnxValue } from 'onnxruntime-node';
import type {
  ChunkedTensor,
  Keep,
  LoadOptions,
  OrtRequest,
  RunResult,
  SessionInfo,
  TensorData,
} from './ort-protocol.js';
import type { Answer } from './pool-protocol.js';

// Read once, when the library is loaded; hence not a static import. Without it ONNX Runtime writes telemetry files.
process.env.ORT_DISABLE_TELEMETRY = '1';
const ort = await import('onnxruntime-node');

const sessions = new Map<string, InferenceSession>();
/** What runs left here for the next one, by the id of their caller: inputs by name. */
const kept = new Map<number, { readonly model: string; readonly feeds: Readonly<Record<string, OnnxValue>> }>();

/** Loads, runs and releases sessions by the name of their model. */
export async function handle(message: unknown): Promise<Answer> {
  const request = message as OrtRequest;
  if (request.kind === 'run') return run(request);
  if (request.kind === 'load') return { result: await load(request.model, request) };
  if (request.kind === 'memory') return { result: process.memoryUsage.rss() };
  if (request.kind === 'forget') return { result: void kept.delete(request.id) };
  if (request.kind === 'end-profile') sessionOf(request.model).endProfiling();
  else await release(request.model);
  return { result: undefined };
}

/** Releases all sessions: their memory is native and no garbage collector finds it. */
export async function dispose(): Promise<void> {
  for (const model of sessions.keys()) await release(model);
}

async function load(model: string, options: LoadOptions): Promise<SessionInfo> {
  // The bytes that were hashed are the ones that are loaded; a file swapped in between can't slip through.
  const bytes = await readFile(options.file);
  const found = createHash('sha256').update(bytes).digest('hex');
  if (found !== options.sha256) {
    throw new Error(`sha256 of ${options.file} is ${found}, the manifest says ${options.sha256}`);
  }
  await release(model);
  const session = await ort.InferenceSession.create(bytes, sessionOptions(options));
  sessions.set(model, session);
  const tensors = Object.fromEntries(
    [...session.inputMetadata, ...session.outputMetadata].flatMap((value) =>
      value.isTensor ? [[value.name, { dtype: value.type, shape: value.shape }]] : [],
    ),
  );
  return { inputNames: session.inputNames, outputNames: session.outputNames, tensors };
}

function sessionOptions({ provider, threads, profilePrefix }: LoadOptions): InferenceSession.SessionOptions {
  return {
    // Never a list: with ['cuda', 'cpu'] a model may run wholly on the CPU and nobody is told.
    executionProviders: [provider],
    graphOptimizationLevel: 'all',
    executionMode: 'sequential',
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    // Off, half the memory stays after a large batch, at the same speed.
    enableCpuMemArena: false,
    logSeverityLevel: 3,
    // Spinning threads burn the CPU that Kafka and HTTP need.
    extra: { session: { intra_op: { allow_spinning: '0' }, inter_op: { allow_spinning: '0' } } },
    ...(profilePrefix === undefined ? {} : { enableProfiling: true, profileFilePrefix: profilePrefix }),
  };
}

async function run({ model, inputs, keep }: Extract<OrtRequest, { kind: 'run' }>): Promise<Answer> {
  const session = sessionOf(model);
  const given = Object.entries(inputs).map(([name, { dtype, dims, chunks }]): [string, OnnxValue] => [
    name,
    new ort.Tensor(dtype, whole(chunks), dims),
  ]);
  const feeds = { ...Object.fromEntries(given), ...(keep && found(model, keep)) };
  const start = performance.now();
  const results = await session.run(feeds);
  const seconds = (performance.now() - start) / 1000;
  if (keep) kept.set(keep.id, { model, feeds: leave(results, keep) });
  const gone = Object.entries(results).filter(([name]) => !keep || !(name in keep.outputs));
  const outputs = Object.fromEntries(gone.map(([name, value]) => [name, take(name, value)]));
  return { result: { outputs, seconds } satisfies RunResult };
}

/** What the run before left. The message is read by the serving process. */
function found(model: string, { id, isFirst }: Keep): Readonly<Record<string, OnnxValue>> {
  const entry = kept.get(id);
  if (isFirst) return {};
  if (entry?.model !== model) throw new Error(`nothing is kept as ${id}`);
  return entry.feeds;
}

/** What this run leaves. */
function leave(results: Readonly<Record<string, OnnxValue>>, { outputs }: Keep): Record<string, OnnxValue> {
  return Object.fromEntries(
    Object.entries(outputs).map(([output, input]) => {
      const value = results[output];
      if (!value) throw new Error(`the model gives no ${output}`);
      return [input, value];
    }),
  );
}

function whole(chunks: ChunkedTensor['chunks']): Float32Array | BigInt64Array {
  const [first] = chunks;
  if (chunks.length === 1 && first) return first;
  const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const data = first instanceof BigInt64Array ? new BigInt64Array(length) : new Float32Array(length);
  let at = 0;
  for (const chunk of chunks) {
    // Chunks of one tensor have one type; the two signatures of `set` can't say so.
    (data.set as (source: Float32Array | BigInt64Array, offset: number) => void).call(data, chunk, at);
    at += chunk.length;
  }
  return data;
}

function take(name: string, value: OnnxValue): TensorData {
  const { type, dims, data } = value;
  if (type === 'float32' && data instanceof Float32Array) return { dtype: type, dims, data };
  if (type === 'int64' && data instanceof BigInt64Array) return { dtype: type, dims, data };
  throw new Error(`output ${name} is ${type}; only float32 and int64 are served`);
}

function sessionOf(model: string): InferenceSession {
  const session = sessions.get(model);
  if (!session) throw new Error(`model ${model} is not loaded`);
  return session;
}

async function release(model: string): Promise<void> {
  const session = sessions.get(model);
  sessions.delete(model);
  for (const [id, entry] of kept) if (entry.model === model) kept.delete(id);
  await session?.release();
}
