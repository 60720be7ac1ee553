import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { commandLine, processStartTime } from '../process-identity.js';
import { errorCode, StartupError } from '../startup-error.js';

const FAST_SHUTDOWN_MS = 10_000;
const IMMEDIATE_SHUTDOWN_MS = 5_000;

/**
 * Ends a postmaster that outlived the process which started it (kill -9), so that the next start finds the cluster
 * free. A pid file that names a process which is not a postmaster of this cluster is stale (reboot, number reused) and
 * goes away: PostgreSQL itself would only look whether the number is alive.
 */
export async function endOrphan(cluster: string): Promise<'none' | 'stale' | 'ended'> {
  const file = join(cluster, 'postmaster.pid');
  const pid = readPid(file);
  if (pid === undefined) return 'none';
  if (!isPostmasterOf(pid, cluster)) {
    rmSync(file, { force: true });
    return 'stale';
  }
  const startedAt = processStartTime(pid);
  if (startedAt !== undefined && !(await stopProcess(pid, startedAt))) {
    throw new StartupError(`An earlier PostgreSQL (pid ${pid}) still holds ${cluster} and does not end: kill ${pid}.`);
  }
  return 'ended';
}

/** Fast shutdown (SIGINT), then immediate shutdown (SIGQUIT), which the next start recovers from. */
export async function stopProcess(pid: number, startedAt: string): Promise<boolean> {
  return (
    (await signalAndWait(pid, startedAt, 'SIGINT', FAST_SHUTDOWN_MS)) ||
    (await signalAndWait(pid, startedAt, 'SIGQUIT', IMMEDIATE_SHUTDOWN_MS))
  );
}

async function signalAndWait(
  pid: number,
  startedAt: string,
  signal: NodeJS.Signals,
  patienceMs: number,
): Promise<boolean> {
  try {
    if (processStartTime(pid) !== startedAt) return true;
    process.kill(pid, signal);
  } catch (error) {
    if (errorCode(error) === 'ESRCH') return true;
    throw new StartupError(
      `PostgreSQL (pid ${pid}) belongs to another user and can't be stopped: end it as that user.`,
    );
  }
  for (const end = Date.now() + patienceMs; Date.now() < end; await sleep(20)) {
    if (processStartTime(pid) !== startedAt) return true;
  }
  return false;
}

/** The port of the server that runs on a cluster, from the fourth line of its pid file; undefined where none does. */
export function readPort(cluster: string): number | undefined {
  try {
    const port = Number(readFileSync(join(cluster, 'postmaster.pid'), 'utf8').split('\n')[3]);
    return Number.isInteger(port) && port > 0 ? port : undefined;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function readPid(file: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(file, 'utf8'), 10);
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function isPostmasterOf(pid: number, cluster: string): boolean {
  return commandLine(pid).includes(` -D ${cluster} `);
}
