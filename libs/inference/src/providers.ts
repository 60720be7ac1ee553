import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Env } from '@app/config';
import { messageOf } from '@app/observability';
import { whyNoDevice } from './devices.js';
import type { Provider } from './ort-protocol.js';
import type { ProbeReport, ProbeRequest } from './provider-probe.js';
import { workerFile } from './worker-file.js';

/** A first run on a GPU compiles shaders: 5–9 s were seen. */
const PROBE_TIMEOUT_MS = 30_000;

/** Where a model will run, and why not where it was wanted. */
export interface ProviderChoice {
  readonly provider: Provider;
  /** Absent where nothing better was wanted or possible. */
  readonly fallback?: string;
}

/** Tries a package on a provider. */
export type Probe = (request: ProbeRequest) => Promise<ProbeReport>;

/**
 * The provider for one model. A named one is taken when the trial in a child process reproduces the golden numbers with
 * every matrix product on it. `auto` takes the first of CUDA and WebGPU of which that is true and which is also faster
 * than the CPU; a machine without such a device runs on the CPU, and that is no fall-back.
 *
 * @param request the package; its provider is replaced by each candidate.
 */
export async function chooseProvider(
  wanted: Env['PROVIDER'],
  request: ProbeRequest,
  { probe = probeInChild, noDevice = whyNoDevice }: { probe?: Probe; noDevice?: typeof whyNoDevice } = {},
): Promise<ProviderChoice> {
  if (wanted === 'cpu') return { provider: 'cpu' };
  if (wanted !== 'auto') {
    // Asked for by name it is always tried: software renderers have no device.
    const { failure } = await on(wanted);
    return failure === undefined ? { provider: wanted } : { provider: 'cpu', fallback: `${wanted}: ${failure}` };
  }
  const candidates = (['cuda', 'webgpu'] as const).filter((provider) => noDevice(provider) === undefined);
  if (candidates.length === 0) return { provider: 'cpu' };

  const failures: string[] = [];
  const cpu = await on('cpu');
  for (const provider of candidates) {
    const { failure, seconds } = await on(provider);
    if (failure !== undefined) failures.push(`${provider}: ${failure}`);
    else if (seconds !== undefined && cpu.seconds !== undefined && seconds >= cpu.seconds) {
      failures.push(`${provider}: ${ms(seconds)} a run, the CPU takes ${ms(cpu.seconds)}`);
    } else return { provider };
  }
  return { provider: 'cpu', fallback: failures.join('; ') };

  function on(provider: Provider): Promise<ProbeReport> {
    return probe({ ...request, load: { ...request.load, provider } });
  }
}

function ms(seconds: number): string {
  return `${(seconds * 1000).toFixed(1)} ms`;
}

/** Runs `provider-probe` in a child process; a crash or a time-out is a failure with a reason. */
export function probeInChild(request: ProbeRequest, timeoutMs = PROBE_TIMEOUT_MS): Promise<ProbeReport> {
  const script = fileURLToPath(workerFile('provider-probe', import.meta.url));
  return new Promise((resolve) => {
    const options = { timeout: timeoutMs, killSignal: 'SIGKILL' as const };
    execFile(process.execPath, [script, JSON.stringify(request)], options, (error, stdout, stderr) => {
      if (error) {
        const lastWords = stderr.trim().split('\n').at(-1) ?? '';
        const reason = error.killed ? `no answer within ${timeoutMs / 1000} s` : `the trial crashed: ${lastWords}`;
        resolve({ failure: reason });
        return;
      }
      try {
        resolve(explained(JSON.parse(stdout) as ProbeReport, stderr));
      } catch (cause) {
        resolve({ failure: `the trial gave no report: ${messageOf(cause)}` });
      }
    });
  });
}

/** Which library is missing is told on stderr only: `… with error: libcublasLt.so.13: cannot open shared object file`. */
function explained(report: ProbeReport, stderr: string): ProbeReport {
  if (report.failure === undefined) return report;
  const detail = /with error: (.+)/.exec(stderr)?.[1];
  const failure = report.failure.trim();
  return { failure: detail === undefined ? failure : `${failure} (${detail.trim()})` };
}
