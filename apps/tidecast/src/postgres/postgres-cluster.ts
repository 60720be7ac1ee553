import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode, StartupError } from '../startup-error.js';
import type { PostgresBinaries } from './postgres-binaries.js';
import { giveTo, type PostgresHome } from './postgres-home.js';

/** A cluster can only be opened by the major version that made it. */
export function refuseOtherMajor(home: PostgresHome, binaries: PostgresBinaries): void {
  if (!existsSync(home.cluster)) return;
  let found: string;
  try {
    found = readFileSync(join(home.cluster, 'PG_VERSION'), 'utf8').trim();
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    throw new StartupError(
      `${home.cluster} holds no PostgreSQL cluster (PG_VERSION is missing): restore it, move it away, or set DATA_DIR to another folder.`,
    );
  }
  if (found !== String(binaries.major)) {
    throw new StartupError(
      `The data in ${home.cluster} was made by PostgreSQL ${found}, this version brings ${binaries.major}: dump and restore it with PostgreSQL ${found}'s own pg_dump, or set DATA_DIR to a new folder.`,
    );
  }
}

/**
 * Makes the cluster when there is none. It is made under another name and renamed when complete, so that a start that
 * was killed half-way is told from a cluster.
 */
export async function createCluster(
  home: PostgresHome,
  binaries: PostgresBinaries,
  password: string,
  durable: boolean,
): Promise<void> {
  if (existsSync(home.cluster)) return;
  const draft = join(home.folder, `data.draft-${process.pid}`);
  const passwordFile = join(draft, 'password');
  const target = join(draft, 'data');
  mkdirSync(draft, { mode: 0o700 });
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  giveTo(home.account, passwordFile);
  giveTo(home.account, draft);
  try {
    await initdb(home, binaries, [
      `--pgdata=${target}`,
      `--pwfile=${passwordFile}`,
      '--username=postgres',
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      // Same order of texts on every machine, whatever locales it has.
      '--locale=C',
      ...(durable ? [] : ['--no-sync']),
    ]);
    renameSync(target, home.cluster);
    chmodSync(home.cluster, 0o700);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

async function initdb(home: PostgresHome, binaries: PostgresBinaries, args: string[]): Promise<void> {
  const child = spawn(binaries.initdb, args, {
    ...home.account,
    cwd: home.folder,
    env: { ...process.env, LC_ALL: 'C' },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) throw new StartupError(explainOutput(output, home));
}

/** One sentence out of what PostgreSQL wrote before it gave up. */
export function explainOutput(output: string, home: PostgresHome): string {
  if (/No space left on device/i.test(output)) {
    return `No space is left on the disk of ${home.folder}: free some and start again.`;
  }
  if (/Permission denied|Operation not permitted/i.test(output)) {
    return `PostgreSQL has no right to write ${home.folder}: start as the user who owns it, change its owner, or set DATA_DIR to a folder of yours.`;
  }
  const line =
    output.split('\n').findLast((text) => /FATAL|PANIC|ERROR|error:/.test(text)) ?? output.trim().split('\n').at(-1);
  return `PostgreSQL does not start on ${home.folder}: ${line?.trim() || 'it said nothing'} (the log is ${home.logFile}).`;
}
