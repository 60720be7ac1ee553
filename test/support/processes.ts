import { spawn, type ChildProcess } from 'node:child_process';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));
const READY_WITHIN_MS = 120_000;
/** What a developer may have set and a test must not inherit. */
const FOREIGN = [
  'DATABASE_URL',
  'KAFKA_BROKERS',
  'FORECASTER_URL',
  'DATA_DIR',
  'HOST',
  'PORT',
  'NODE_OPTIONS',
  'LOG_LEVEL',
];

/** What to start: arguments of `npm start --` and the environment on top of a clean one. */
export interface ProcessOptions {
  readonly args?: readonly string[];
  /** `npm start` itself, which may build; otherwise what was built when the tests began. */
  readonly viaNpmStart?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

/** A real Tidecast process: all roles, or the one that its first argument names. */
export class TidecastProcess {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #exited: Promise<number | NodeJS.Signals>;
  #output = '';
  #stderr = '';

  private constructor(child: ChildProcess, url: string) {
    this.#child = child;
    this.url = url;
    child.stdout?.on('data', (chunk: Buffer) => (this.#output += chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#output += chunk.toString();
      this.#stderr += chunk.toString();
    });
    this.#exited = new Promise((resolve) => child.once('exit', (code, signal) => resolve(signal ?? code ?? 0)));
  }

  /** Starts without waiting for anything. PORT is a free one unless `env` says otherwise. */
  static async spawn({ args = [], env = {}, viaNpmStart = false }: ProcessOptions): Promise<TidecastProcess> {
    const port = env['PORT'] ?? String(await freePort());
    const clean = Object.fromEntries(Object.entries(process.env).filter(([key]) => !FOREIGN.includes(key)));
    const program = viaNpmStart ? 'scripts/start.mjs' : 'dist/apps/tidecast/src/cli.js';
    const child = spawn(process.execPath, [program, ...args], {
      cwd: REPOSITORY,
      env: { ...clean, ...env, PORT: port },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return new TidecastProcess(child, `http://127.0.0.1:${port}`);
  }

  /** Starts and waits until `/health/ready` says so. */
  static async start(options: ProcessOptions): Promise<TidecastProcess> {
    const started = await TidecastProcess.spawn(options);
    await started.untilReady();
    return started;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Everything that it has written so far, stdout and stderr. */
  get output(): string {
    return this.#output;
  }

  get stderr(): string {
    return this.#stderr;
  }

  async untilReady(): Promise<void> {
    for (const end = Date.now() + READY_WITHIN_MS; Date.now() < end; await sleep(50)) {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) break;
      const response = await fetch(`${this.url}/health/ready`).catch(() => undefined);
      if (response?.ok) return;
    }
    throw new Error(`the process at ${this.url} did not get ready:\n${this.#output}`);
  }

  /** Resolves with the exit code, or the signal that ended it. */
  exited(): Promise<number | NodeJS.Signals> {
    return this.#exited;
  }

  /** SIGINT, as Ctrl-C does it. */
  async stop(signal: NodeJS.Signals = 'SIGINT'): Promise<number | NodeJS.Signals> {
    this.#child.kill(signal);
    return this.#exited;
  }

  /** SIGKILL: no chance to tidy up. */
  kill(): Promise<number | NodeJS.Signals> {
    return this.stop('SIGKILL');
  }
}

/** A loopback port that nobody has at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return address.port;
}

/** Polls until `probe` gives something other than undefined and false; its last error is told when it never does. */
export async function eventually<T>(
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  patienceMs = 20_000,
): Promise<T> {
  let failure: unknown;
  for (const end = Date.now() + patienceMs; Date.now() < end; await sleep(100)) {
    try {
      const value = await probe();
      if (value !== undefined && value !== false) return value;
    } catch (error) {
      failure = error;
    }
  }
  throw new Error(`still not so after ${patienceMs} ms`, { cause: failure });
}
