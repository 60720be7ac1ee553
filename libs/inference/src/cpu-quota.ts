import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

/** More threads than this gain nothing on networks of a few megabytes. */
const MOST_THREADS = 8;
/** Each has a session of every model, and 60 MB of its own. */
const MOST_WORKERS = 4;

/** Reads a small text file; undefined where it does not exist or may not be read. */
export type ReadText = (path: string) => string | undefined;

const readText: ReadText = (path) => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
};

/** Workers, and the threads that each may use for a run. */
export interface InferencePlan {
  readonly workers: number;
  readonly threads: number;
}

/**
 * How to spread runs over the CPUs that this container may use: workers first, as two runs of one thread are done sooner
 * than two of two threads after each other, and threads where CPUs are left. The serving thread has no CPU of its own: it
 * is busy for a few hundredths of the time that it makes work for.
 *
 * @param configured `INFERENCE_WORKERS` and `INFERENCE_THREADS`; 0 derives the number.
 */
export function inferencePlan(configured: InferencePlan, cpus = availableCpus()): InferencePlan {
  const whole = Math.max(1, Math.floor(cpus));
  const workers =
    configured.workers || Math.min(MOST_WORKERS, Math.max(1, Math.floor(whole / (configured.threads || 1))));
  const threads = configured.threads || Math.min(MOST_THREADS, Math.max(1, Math.floor(whole / workers)));
  return { workers, threads };
}

/** CPUs that this process may use: those of its affinity mask, less where a cgroup (v1 or v2) sets a quota. May be a fraction. */
export function availableCpus(read: ReadText = readText, parallelism = availableParallelism()): number {
  return Math.min(parallelism, cpuQuota(read) ?? Number.POSITIVE_INFINITY);
}

/** The tightest CPU quota from the process's cgroup up to the root, in CPUs; undefined without a quota. */
function cpuQuota(read: ReadText): number | undefined {
  const lines = (read('/proc/self/cgroup') ?? '').split('\n');
  const v2 = lines.find((line) => line.startsWith('0::'))?.slice(3) ?? '/';
  const v1 = lines.find((line) => /^\d+:([^:]*,)?cpu(,[^:]*)?:/.test(line))?.replace(/^\d+:[^:]*:/, '') ?? '/';
  const quotas = [
    ...ancestors(v2).map((path) => parseV2(read(join('/sys/fs/cgroup', path, 'cpu.max')))),
    ...ancestors(v1).map((path) => {
      const folder = join('/sys/fs/cgroup/cpu', path);
      return parseV1(read(join(folder, 'cpu.cfs_quota_us')), read(join(folder, 'cpu.cfs_period_us')));
    }),
  ].filter((quota) => quota !== undefined);
  return quotas.length === 0 ? undefined : Math.min(...quotas);
}

// Inside a container the path may name the host's hierarchy: folders that do not exist here are passed over.
function ancestors(path: string): string[] {
  const parts = path.split('/').filter(Boolean);
  return Array.from({ length: parts.length + 1 }, (_, i) => `/${parts.slice(0, i).join('/')}`);
}

function parseV2(text: string | undefined): number | undefined {
  const [quota, period] = (text ?? '').trim().split(/\s+/);
  return quota === undefined || quota === '' || quota === 'max' ? undefined : ratio(quota, period);
}

function parseV1(quota: string | undefined, period: string | undefined): number | undefined {
  return quota === undefined || quota.trim() === '-1' ? undefined : ratio(quota, period);
}

function ratio(quota: string, period: string | undefined): number | undefined {
  const cpus = Number(quota) / Number(period);
  return Number.isFinite(cpus) && cpus > 0 ? cpus : undefined;
}
