// A child process: loads a package's model on one provider, runs its golden cases and says how it went, as one line of
// JSON. A driver that crashes or hangs takes this process with it and not the platform.
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf, silentLogger } from '@app/observability';
import { checkGolden, readGolden } from './golden.js';
import { InferenceWorker } from './inference-worker.js';
import type { LoadOptions } from './ort-protocol.js';

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

const request = JSON.parse(process.argv[2] ?? '') as ProbeRequest;
process.stdout.write(`${JSON.stringify(await probe(request))}\n`);

async function probe({ load, golden: { file, sha256 } }: ProbeRequest): Promise<ProbeReport> {
  const folder = mkdtempSync(join(tmpdir(), 'tidecast-probe-'));
  const worker = new InferenceWorker({ logger: silentLogger() });
  try {
    const golden = await readGolden(file, sha256);
    await worker.load('probe', { ...load, profilePrefix: join(folder, 'profile') });
    const failure = await checkGolden(golden, (inputs) => worker.run('probe', inputs));
    if (failure) return { failure: failure.message };
    await worker.endProfile('probe');
    const elsewhere = ranElsewhere(folder, load.provider);
    if (elsewhere) return { failure: elsewhere };

    await worker.load('probe', load);
    const inputs = golden.cases[0]!.inputs;
    await worker.run('probe', inputs);
    const times: number[] = [];
    for (let i = 0; i < TIMED_RUNS; i++) {
      const start = performance.now();
      await worker.run('probe', inputs);
      times.push((performance.now() - start) / 1000);
    }
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
