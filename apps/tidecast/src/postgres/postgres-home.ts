import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { asError, errorCode, StartupError } from '../startup-error.js';
import { accountFor, canReach, type PostgresAccount } from './postgres-account.js';

/** Used when root starts Tidecast in a folder that no other user can enter (`/root`, `mktemp -d`). */
const SHARED_PLACE = '/var/lib/tidecast';

/** The folder of one embedded server: cluster, password, port, log and lock. */
export interface PostgresHome {
  readonly folder: string;
  readonly cluster: string;
  readonly logFile: string;
  readonly account: PostgresAccount;
  /** Why the folder is not below the data folder, for people; undefined when it is. */
  readonly moved?: string;
}

/** Finds or makes the home below `dataDir`, or at a place that the postgres user can reach when it can't go there. */
export function openHome(dataDir: string): PostgresHome {
  const near = join(resolve(dataDir), 'postgres');
  try {
    makeOpen(near);
    const pointer = join(near, 'location');
    if (existsSync(pointer)) return settle(readFileSync(pointer, 'utf8').trim(), near);
    const account = accountFor(join(near, 'data'));
    if (existsSync(join(near, 'data')) || canReach(account, near)) return settle(near);

    const far = join(SHARED_PLACE, createHash('sha256').update(near).digest('hex').slice(0, 12));
    makeOpen(SHARED_PLACE);
    writeFileSync(pointer, `${far}\n`);
    return settle(far, near);
  } catch (error) {
    throw explain(error, near);
  }
}

/** The server's password: random, made once, readable by its owner only. */
export function readPassword(home: PostgresHome): string {
  const file = join(home.folder, 'password');
  if (existsSync(file)) return readFileSync(file, 'utf8').trim();
  if (existsSync(home.cluster)) {
    throw new StartupError(
      `The password of the database in ${home.folder} is gone (${file}): put that file back, or set DATA_DIR to a new folder.`,
    );
  }
  const password = randomBytes(24).toString('hex');
  writeFileSync(file, `${password}\n`, { mode: 0o600 });
  return password;
}

/** Removes what an `initdb` that was killed half-way left behind; never the cluster itself. */
export function removeDrafts(home: PostgresHome): void {
  for (const name of readdirSync(home.folder)) {
    if (name.startsWith('data.draft-')) rmSync(join(home.folder, name), { recursive: true, force: true });
  }
}

/** Says in one sentence what the file system refused. */
export function explain(error: unknown, path: string): Error {
  const code = errorCode(error);
  if (code === 'ENOSPC') return new StartupError(`No space is left on the disk of ${path}: free some and start again.`);
  if (code === 'EROFS')
    return new StartupError(`${path} is on a read-only file system: set DATA_DIR to a writable folder.`);
  if (code === 'EACCES' || code === 'EPERM') {
    return new StartupError(
      `No right to write ${path}: start as the user who owns it, change its owner, or set DATA_DIR to a folder of yours.`,
    );
  }
  if (code === 'ENOTDIR' || code === 'EEXIST') {
    return new StartupError(`${path} can't be a folder because a file is in its way: set DATA_DIR to another folder.`);
  }
  return asError(error);
}

function settle(folder: string, instead?: string): PostgresHome {
  makeOpen(folder);
  const cluster = join(folder, 'data');
  const account = accountFor(cluster);
  if (!canReach(account, folder)) {
    throw new StartupError(
      `The database user (uid ${account.uid ?? process.getuid?.()}) can't enter ${folder}: open that folder and the ones above it (chmod a+x), or set DATA_DIR to another folder.`,
    );
  }
  refuseForeignCluster(cluster);
  const moved = instead && `${dirname(instead)} is closed to the database user`;
  return { folder, cluster, logFile: join(folder, 'postgres.log'), account, ...(moved ? { moved } : {}) };
}

// Root's umask may close what it creates, but the database user has to pass through.
function makeOpen(folder: string): void {
  const first = mkdirSync(folder, { recursive: true });
  if (first === undefined || process.getuid?.() !== 0) return;
  for (let path = folder; path.length >= first.length; path = dirname(path)) chmodSync(path, 0o755);
}

// An ordinary user can only run a cluster of their own.
function refuseForeignCluster(cluster: string): void {
  const owner = lstatSync(cluster, { throwIfNoEntry: false });
  const uid = process.getuid?.();
  if (!owner || uid === undefined || uid === 0 || owner.uid === uid) return;
  throw new StartupError(
    `The database in ${cluster} belongs to another user (uid ${owner.uid}): start as that user or as root, or set DATA_DIR to another folder.`,
  );
}

/** Gives a folder to the account that PostgreSQL runs as. */
export function giveTo(account: PostgresAccount, path: string): void {
  if (account.uid !== undefined && account.gid !== undefined) chownSync(path, account.uid, account.gid);
}
