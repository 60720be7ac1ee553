import { execFileSync, spawnSync } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { StartupError } from '../startup-error.js';

/** Whom PostgreSQL runs as. Empty: as ourselves. PostgreSQL refuses to run as root, so root lends it another user. */
export interface PostgresAccount {
  readonly uid?: number;
  readonly gid?: number;
}

const NAME = 'postgres';

/**
 * The account for a cluster. An existing cluster decides: it runs as whoever owns it. A new one runs as this user, or,
 * when this user is root, as `postgres`, which is made if the system lacks it.
 */
export function accountFor(cluster: string): PostgresAccount {
  if (process.getuid?.() !== 0) return {};
  const owner = statSync(cluster, { throwIfNoEntry: false });
  if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  return lookUp() ?? create();
}

/** Whether the account may go to a path and read it. As root that is asked as the account itself. */
export function canReach(account: PostgresAccount, path: string, mode: 'read' | 'write' = 'read'): boolean {
  if (account.uid === undefined) return canAccess(path, mode);
  const test = mode === 'read' ? 'test -r "$0" && test -x "$0"' : 'test -w "$0" && test -x "$0"';
  return spawnSync('/bin/sh', ['-c', test, path], { ...account, cwd: '/', stdio: 'ignore' }).status === 0;
}

function canAccess(path: string, mode: 'read' | 'write'): boolean {
  try {
    accessSync(path, constants.X_OK | (mode === 'read' ? constants.R_OK : constants.W_OK));
    return true;
  } catch {
    return false;
  }
}

function lookUp(): PostgresAccount | undefined {
  try {
    return { uid: numberOf('-u'), gid: numberOf('-g') };
  } catch {
    return undefined;
  }
}

function numberOf(flag: '-u' | '-g'): number {
  return Number(execFileSync('id', [flag, NAME], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim());
}

function create(): PostgresAccount {
  const ways: [string, string[]][] = [
    ['useradd', ['--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin', NAME]],
    // Alpine and other busybox systems.
    ['adduser', ['-S', '-D', '-H', '-s', '/sbin/nologin', NAME]],
  ];
  for (const [program, args] of ways) spawnSync(program, args, { stdio: 'ignore' });
  const account = lookUp();
  if (account) return account;
  throw new StartupError(
    `PostgreSQL can't run as root and the system user "${NAME}" could not be created: start as an ordinary user, run "useradd --system ${NAME}", or set DATABASE_URL.`,
  );
}
