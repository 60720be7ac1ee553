import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf, silentLogger } from '@app/observability';
import { checkGolden, readGolden } from './golden.js';
import { InferenceWorker } from './inference-worker.js';
import type { LoadOptions } from './ort-protocol.js';

/** A first run on a GPU compiles shaders: 5–9 s were seen. */
const PROBE_TIMEOUT_MS = 30_000;
/** Timed runs after the golden ones, which warm up. */
const TIMED_RUNS = 5;

export interface ProbeRequest {
  readonly load: LoadOptions;
  readonly golden: { readonly file: string; readonly sha256: string };
}

export interface ProbeReport {
  /** Why the provider is no good; absent when it is. */
  readonly failure?: string;
  /** Median duration of a run of the first golden case. */
  readonly seconds?: number;
}

export interface ProbeOptions {
  /** For each step of the trial. */
  readonly timeoutMs?: number;
  /** Where CUDA's libraries are, when the system does not find them itself. */
  readonly libraryPath?: string;
}

/**
 * Loads a package's model on one provider, in a process of its own, runs its golden cases, looks into the profile where
 * they ran, and times it. A driver that crashes or hangs takes that process with it and not the platform: it is a failure
 * with a reason.
 */
export async function probeInChild(
  { load, golden: { file, sha256 } }: ProbeRequest,
  { timeoutMs = PROBE_TIMEOUT_MS, libraryPath }: ProbeOptions = {},
): Promise<ProbeReport> {
  const folder = mkdtempSync(join(tmpdir(), 'tidecast-probe-'));
  const logger = silentLogger();
  const worker = new InferenceWorker({ logger, libraryPath, loadTimeoutMs: timeoutMs, runTimeoutMs: timeoutMs });
  try {
    const golden = await readGolden(file, sha256);
    await worker.load('probe', { ...load, profilePrefix: join(folder, 'profile') });
    const wrong = await checkGolden(golden, async (inputs) => (await worker.trial('probe', inputs)).outputs);
    if (wrong) return { failure: wrong.message };
    await worker.endProfile('probe');
    const elsewhere = ranElsewhere(folder, load.provider);
    if (elsewhere) return { failure: elsewhere };

    const { inputs } = golden.cases[0]!;
    await worker.load('probe', load, inputs);
    const times: number[] = [];
    for (let i = 0; i < TIMED_RUNS; i++) times.push((await worker.trial('probe', inputs)).seconds);
    return { seconds: times.sort((a, b) => a - b)[TIMED_RUNS >> 1]! };
  } catch (error) {
    return { failure: messageOf(error) };
  } finally {
    await worker.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** ONNX Runtime quietly puts nodes on the CPU; shape arithmetic belongs there, matrix products do not. */
function ranElsewhere(folder: string, provider: string): string | undefined {
  const wanted = { cpu: 'CPUExecutionProvider', cuda: 'CUDAExecutionProvider' }[provider] ?? 'WebGpuExecutionProvider';
  const events = readdirSync(folder).flatMap(
    (name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as unknown[],
  );
  const products = (events as { cat?: string; args?: { provider?: string; op_name?: string } }[])
    .filter(({ cat, args }) => cat === 'Node' && /^(Fused)?(MatMul|Gemm|Conv)/.test(args?.op_name ?? ''))
    .map(({ args }) => args?.provider ?? 'nowhere');
  const others = products.filter((name) => name.toLowerCase() !== wanted.toLowerCase());
  if (products.length > 0 && others.length === 0) return undefined;
  return `${others.length} of ${products.length} matrix products did not run on ${wanted}`;
}
