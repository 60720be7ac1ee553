import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const REQUIREMENTS = join(HERE, 'python-peer.requirements.txt');
const CACHE = join(HERE, '../../node_modules/.cache/python-peer');
/** An installation that has not ended by then was killed. */
const INSTALL_MS = 300_000;

const python = process.env.PYTHON ?? 'python3';
const hasPython =
  spawnSync(python, ['-c', 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))']).status === 0;

/**
 * `describe` for what a client in Python is the other side of; `peer()` is an interpreter that has the clients of
 * python-peer.requirements.txt, installed under node_modules/.cache on first use. Without Python the tests are skipped; with
 * `CI=true` they fail, so that no green run hides them.
 */
export function describeWithPython(name: string, body: (peer: () => PythonPeer) => void): void {
  if (!hasPython && process.env.CI === 'true') {
    describe(name, () => {
      it('has Python', () => {
        throw new Error('no Python 3.10 with venv in CI: apt-get install python3-venv');
      });
    });
    return;
  }
  if (!hasPython) {
    describe.skip(`${name} (skipped: Python 3.10 or newer with venv is not there)`, () =>
      body(() => undefined as never));
    return;
  }
  describe(name, () => {
    let peer: PythonPeer | undefined;
    beforeAll(async () => {
      peer = await PythonPeer.start();
    }, INSTALL_MS);
    afterAll(() => peer?.stop());
    body(() => peer!);
  });
}

/** A running interpreter. */
export class PythonPeer {
  readonly #process: ChildProcess;
  readonly #lines: Interface;
  readonly #answers: AsyncIterator<string>;
  #errors = '';

  private constructor(executable: string) {
    this.#process = spawn(executable, [join(HERE, 'python-peer.py')], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#process.stderr!.on(
      'data',
      (chunk: Buffer) => (this.#errors = (this.#errors + chunk.toString()).slice(-4_000)),
    );
    this.#lines = createInterface(this.#process.stdout!);
    this.#answers = this.#lines[Symbol.asyncIterator]();
  }

  static async start(): Promise<PythonPeer> {
    return new PythonPeer(await environment());
  }

  /**
   * Runs code, in which earlier code's names are known, and gives what it left in `result`: tables as `{column: values}`.
   *
   * @throws Error with the name of what Python raised and its text.
   */
  async run<Result>(code: string): Promise<Result> {
    this.#process.stdin!.write(`${JSON.stringify(code)}\n`);
    const { value, done } = await this.#answers.next();
    if (done) throw new Error(`Python ended: ${this.#errors}`);
    const answer = JSON.parse(value) as { result: Result; error?: string; message?: string };
    if (answer.error !== undefined) throw new Error(`${answer.error}: ${answer.message}`);
    return answer.result;
  }

  /** What the code raises, as text; fails where it raises nothing. */
  async failure(code: string): Promise<string> {
    try {
      return `nothing was raised, the result is ${JSON.stringify(await this.run(code))}`;
    } catch (error) {
      return (error as Error).message;
    }
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.stdin!.end();
    await ended;
    this.#lines.close();
  }
}

/** The interpreter of the environment, made where it is not there yet; spec files beside this one wait for each other. */
async function environment(): Promise<string> {
  const requirements = readFileSync(REQUIREMENTS);
  const home = join(CACHE, createHash('sha256').update(requirements).digest('hex').slice(0, 16));
  const [executable, ready, lock] = [join(home, 'bin/python'), join(home, 'ready'), `${home}.lock`];
  mkdirSync(CACHE, { recursive: true });
  while (!existsSync(ready)) {
    if (!take(lock)) {
      await sleep(500);
      continue;
    }
    try {
      rmSync(home, { recursive: true, force: true });
      await run(python, ['-m', 'venv', home]);
      await run(executable, ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', '-r', REQUIREMENTS]);
      writeFileSync(ready, '');
    } finally {
      rmSync(lock, { recursive: true, force: true });
    }
  }
  return executable;
}

/** Whether the lock is ours now; one that is too old is nobody's. */
function take(lock: string): boolean {
  try {
    mkdirSync(lock);
    return true;
  } catch {
    const since = statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Number.POSITIVE_INFINITY;
    if (Date.now() - since > INSTALL_MS) rmSync(lock, { recursive: true, force: true });
    return false;
  }
}

async function run(program: string, args: readonly string[]): Promise<void> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise((resolve, reject) => child.once('exit', resolve).once('error', reject));
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} failed:\n${output}`);
}
