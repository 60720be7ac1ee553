import type { Env } from '@app/config';
import { whyNoDevice } from './devices.js';
import type { Provider } from './ort-protocol.js';
import { probeInChild, type ProbeReport, type ProbeRequest } from './provider-probe.js';

/** Where a model will run, and why not where it was wanted. */
export interface ProviderChoice {
  readonly provider: Provider;
  /** Absent where nothing better was wanted or possible. */
  readonly fallback?: string;
}

/** Tries a package on a provider. */
export type Probe = (request: ProbeRequest) => Promise<ProbeReport>;

/**
 * The provider for one model. A named one is taken when the trial in a process of its own reproduces the golden numbers with
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
