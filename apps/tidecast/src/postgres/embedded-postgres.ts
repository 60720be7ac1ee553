import { type ChildProcess } from 'node:child_process';
import { InstanceLock } from '../instance-lock.js';
import { processStartTime } from '../process-identity.js';
import { StartupError } from '../startup-error.js';
import { copyBinaries, findBinaries, type PostgresBinaries } from './postgres-binaries.js';
import { canReach } from './postgres-account.js';
import { explain, openHome, readPassword, removeDrafts, type PostgresHome } from './postgres-home.js';
import { createCluster, refuseOtherMajor } from './postgres-cluster.js';
import { endOrphan, readPort, stopProcess } from './postmaster.js';
import { launch } from './postgres-launch.js';

/** Where the binaries go when the checkout is closed to the database user. */
const SHARED_BINARIES = '/var/lib/tidecast';
const DATABASE = 'tidecast';

/** What a caller may choose. */
export interface EmbeddedPostgresOptions {
  /** Folder below which everything is kept. */
  readonly dataDir: string;
  /** False gives up safety against power cuts for speed; for tests only. */
  readonly durable?: boolean;
}

/** A running server of this process. */
export interface EmbeddedPostgres {
  readonly url: string;
  readonly port: number;
  readonly home: PostgresHome;
  readonly lock: InstanceLock;
  /** Resolves when the server has ended, whoever ended it. */
  readonly ended: Promise<void>;
  /** Fast shutdown; resolves when nothing runs any more and the folder is free. */
  stop(): Promise<void>;
}

/**
 * Starts a real PostgreSQL below `dataDir`: made on first use, recovered by itself after a crash of either process.
 *
 * @throws StartupError with one sentence when that is impossible.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const home = openHome(options.dataDir);
  const lock = lockHome(home);
  try {
    const binaries = reachableBinaries(home);
    const password = readPassword(home);
    refuseOtherMajor(home, binaries);
    removeDrafts(home);
    await createCluster(home, binaries, password, options.durable ?? true);
    await endOrphan(home.cluster);
    const { child, port } = await launch(home, binaries, {
      password,
      database: DATABASE,
      durable: options.durable ?? true,
    });
    return { url: urlOf(password, port), port, home, lock, ...supervise(child, lock) };
  } catch (error) {
    lock.release();
    throw explain(error, home.folder);
  }
}

/**
 * The server that another process runs below `dataDir`.
 *
 * @returns its URL, or undefined where none runs.
 * @throws StartupError when the folder can't be read.
 */
export function findRunningPostgres(dataDir: string): string | undefined {
  const home = openHome(dataDir);
  const lock = InstanceLock.acquire(home.folder);
  if (lock instanceof InstanceLock) {
    lock.release();
    return undefined;
  }
  const port = readPort(home.cluster);
  if (port === undefined) {
    throw new StartupError(`Tidecast (pid ${lock.pid}) is just starting on ${home.folder}: try again in a moment.`);
  }
  return urlOf(readPassword(home), port);
}

function urlOf(password: string, port: number): string {
  return `postgres://postgres:${password}@127.0.0.1:${port}/${DATABASE}`;
}

function lockHome(home: PostgresHome): InstanceLock {
  let lock;
  try {
    lock = InstanceLock.acquire(home.folder);
  } catch (error) {
    throw explain(error, home.folder);
  }
  if (lock instanceof InstanceLock) return lock;
  const where = lock.url ? ` and answers at ${lock.url}` : '';
  throw new StartupError(
    `Tidecast already runs on ${home.folder} (pid ${lock.pid}${where}): stop it first, or set DATA_DIR and PORT for a second one.`,
  );
}

function reachableBinaries(home: PostgresHome): PostgresBinaries {
  const binaries = findBinaries();
  return canReach(home.account, binaries.postgres) ? binaries : copyBinaries(binaries, SHARED_BINARIES);
}

function supervise(child: ChildProcess, lock: InstanceLock): Pick<EmbeddedPostgres, 'ended' | 'stop'> {
  const pid = child.pid ?? 0;
  const startedAt = processStartTime(pid);
  // Whatever way this process goes, short of SIGKILL, the server does not outlive it.
  const onExit = () => {
    child.kill('SIGINT');
    lock.release();
  };
  process.once('exit', onExit);
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => {
      process.off('exit', onExit);
      resolve();
    });
  });
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null && startedAt !== undefined)
      await stopProcess(pid, startedAt);
    lock.release();
  };
  return { ended, stop };
}
