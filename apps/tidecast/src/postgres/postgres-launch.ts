import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { errorMessage, StartupError } from '../startup-error.js';
import type { PostgresBinaries } from './postgres-binaries.js';
import { explainOutput } from './postgres-cluster.js';
import type { PostgresHome } from './postgres-home.js';

const PATIENCE_MS = 120_000;
const LOG_LIMIT_BYTES = 10 * 1024 * 1024;
/** A port found free may be taken before PostgreSQL binds it. */
const ATTEMPTS = 3;

/** Everything else is PostgreSQL's own default. */
const SETTINGS: Record<string, string> = {
  listen_addresses: '127.0.0.1',
  // No socket file: nothing to go stale, and no limit on the length of the folder's path.
  unix_socket_directories: '',
  max_connections: '100',
  shared_buffers: '128MB',
  synchronous_commit: 'on',
  timezone: 'UTC',
  log_timezone: 'UTC',
  // Short statements only: compiling them costs more than it saves.
  jit: 'off',
};

// Survives the death of every process, but not of the machine.
const FORGETFUL: Record<string, string> = { fsync: 'off', full_page_writes: 'off' };

/** What `launch` needs to know beyond the place. */
export interface LaunchOptions {
  readonly password: string;
  readonly database: string;
  readonly durable: boolean;
}

/** Starts the postmaster on the remembered port, or on another when that one is taken, and waits until it answers. */
export async function launch(
  home: PostgresHome,
  binaries: PostgresBinaries,
  options: LaunchOptions,
): Promise<{ child: ChildProcess; port: number }> {
  rotateLog(home.logFile);
  for (let attempt = 1; ; attempt++) {
    const port = await choosePort(home);
    const logStart = existsSync(home.logFile) ? statSync(home.logFile).size : 0;
    const child = spawnPostmaster(home, binaries, port, options.durable);
    const failure = await untilReady(child, port, options);
    if (failure === undefined) return { child, port };
    const output = readFileSync(home.logFile).subarray(logStart).toString();
    if (attempt < ATTEMPTS && /Address already in use|still in use/.test(output)) continue;
    throw new StartupError(output.trim() ? explainOutput(output, home) : `PostgreSQL does not start: ${failure}`);
  }
}

function spawnPostmaster(home: PostgresHome, binaries: PostgresBinaries, port: number, durable: boolean): ChildProcess {
  const settings = { ...SETTINGS, ...(durable ? {} : FORGETFUL), port: String(port) };
  const log = openSync(home.logFile, 'a', 0o600);
  try {
    // Its own process group: a Ctrl-C in the terminal must reach us first, who stop the roles before the database.
    return spawn(
      binaries.postgres,
      ['-D', home.cluster, ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`])],
      {
        ...home.account,
        cwd: home.folder,
        env: { ...process.env, LC_ALL: 'C' },
        stdio: ['ignore', log, log],
        detached: true,
      },
    );
  } finally {
    closeSync(log);
  }
}

/** Undefined when the database answers, otherwise what went wrong. */
async function untilReady(child: ChildProcess, port: number, options: LaunchOptions): Promise<string | undefined> {
  let failure: string | undefined;
  child.once('error', (error) => (failure = error.message));
  child.once('exit', (code, signal) => (failure ??= `it ended with ${signal ?? code}`));
  let last = '';
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await sleep(25)) {
    if (failure !== undefined) return failure;
    try {
      await ensureDatabase(port, options);
      return undefined;
    } catch (error) {
      last = errorMessage(error);
      if (/password authentication failed/.test(last)) break;
    }
  }
  child.kill('SIGINT');
  return last;
}

async function ensureDatabase(port: number, { password, database }: LaunchOptions): Promise<void> {
  const client = new Client({ host: '127.0.0.1', port, user: 'postgres', password, database: 'postgres' });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const found = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [database]);
    if (found.rowCount === 0) await client.query(`CREATE DATABASE ${client.escapeIdentifier(database)}`);
  } finally {
    // What failed before is what the caller has to know; a connection that is gone can't be ended.
    await client.end().catch(() => undefined);
  }
}

async function choosePort(home: PostgresHome): Promise<number> {
  const file = join(home.folder, 'port');
  const remembered = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0;
  const port = (remembered > 0 && (await bind(remembered))) || (await bind(0));
  if (!port) throw new StartupError('No free port is left on 127.0.0.1 for the embedded PostgreSQL.');
  if (port !== remembered) writeFileSync(file, `${port}\n`);
  return port;
}

/** The port when it could be bound, otherwise undefined. */
async function bind(port: number): Promise<number | undefined> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve));
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : undefined;
  } catch {
    return undefined;
  } finally {
    server.close();
  }
}

// One old log is kept: the server runs for months on a laptop that nobody looks after.
function rotateLog(file: string): void {
  if (existsSync(file) && statSync(file).size > LOG_LIMIT_BYTES) renameSync(file, `${file}.1`);
}
