import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { repositoryRoot } from '../repository-root.js';

export interface LoadRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: unknown;
}

/** What to ask for: at a fixed rate, or as fast as so many connections are answered. */
export type LoadPlan = {
  readonly url: string;
  readonly requests: readonly LoadRequest[];
  readonly seconds: number;
} & ({ readonly perSecond: number } | { readonly connections: number });

export interface LoadAnswer {
  readonly latencies: readonly number[];
  /** How often, by HTTP status or error. */
  readonly failures: Readonly<Record<string, number>>;
  readonly perSecond: number;
}

/** Puts load on a server of this machine from a process of its own. */
export async function putLoad(plan: LoadPlan): Promise<LoadAnswer> {
  const program = join(repositoryRoot(), 'benchmarks/rest/load.mjs');
  const child = spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(JSON.stringify(plan));
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number];
  if (code !== 0) throw new Error(`the load generator ended with ${code}`);
  return JSON.parse(output) as LoadAnswer;
}

/** A server in a process of its own. */
export interface ServerProcess {
  readonly url: string;
  stop(): Promise<void>;
}

const READY_WITHIN_MS = 120_000;

/** Starts a server that listens on the PORT of its environment, and waits until `/health/ready` answers. */
export async function startServer(
  command: string,
  args: (port: number) => readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<ServerProcess> {
  const port = await freePort();
  const child = spawn(command, args(port), {
    env: { PATH: process.env['PATH'], ...env, PORT: String(port) },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const url = `http://127.0.0.1:${port}`;
  const stop = () => end(child);
  for (const giveUp = Date.now() + READY_WITHIN_MS; Date.now() < giveUp; await sleep(100)) {
    if (child.exitCode !== null) break;
    const answer = await fetch(`${url}/health/ready`).catch(() => undefined);
    if (answer?.ok) return { url, stop };
  }
  await stop();
  throw new Error(`${command} did not get ready`);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await gone;
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return address.port;
}
