import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { SHARE_ENV, Worker, type Transferable } from 'node:worker_threads';
import type { FromWorker, ToWorker } from './pool-protocol.js';
import { workerFile } from './worker-file.js';

/** Whom a host tells. `exit` comes once, last, with what is known of the reason. */
export interface HostListener {
  message(message: FromWorker): void;
  exit(reason: string, clean: boolean): void;
}

/** What a worker lives in: a thread of this process, or a process of its own. */
export interface WorkerHost {
  /** What is in `transfer` is moved to a thread, and copied to a process. */
  post(message: ToWorker, transfer?: readonly Transferable[]): void;
  /** Ends it in the middle of whatever it does. Only a process can be: a thread in native code would take us with it. */
  kill?(reason: string): void;
  /** A process must not end while somebody waits for an answer, nor live on because of an idle worker. */
  ref(): void;
  unref(): void;
}

/** Starts a worker that serves the handler module at `handler`. */
export type HostFactory = (name: string, handler: URL, listener: HostListener) => WorkerHost;

/** Limits of a worker that is a process. */
export interface ProcessLimits {
  /** Memory that it may allocate; what goes beyond fails inside it. Kept on Linux. */
  readonly memoryMb?: number;
  /** Folders in which the loader looks for libraries first, separated by colons: CUDA's. */
  readonly libraryPath?: string;
}

/** What a worker process wrote last on stderr: native libraries say nowhere else what went wrong. */
const LAST_WORDS = 4_096;

/** A worker in a thread: what is transferred to it is not copied. For JavaScript, which can't take the process with it. */
export const threadHost: HostFactory = (name, handler, listener) => {
  // SHARE_ENV: what a handler sets for native code must reach the real environment.
  const worker = new Worker(workerFile('pool-worker', import.meta.url), {
    name,
    workerData: { handler: handler.href },
    env: SHARE_ENV,
  });
  let reason = 'the thread ended';
  worker.on('message', (message: FromWorker) => listener.message(message));
  worker.on('error', (error) => (reason = (error as { message?: string }).message ?? String(error)));
  worker.once('exit', (code) => listener.exit(reason, code === 0));
  return {
    post: (message, transfer) => worker.postMessage(message, transfer),
    ref: () => worker.ref(),
    unref: () => worker.unref(),
  };
};

/**
 * Workers in processes of their own, for native code: one that crashes, hangs or eats memory is killed
 * alone, and the kernel takes it first when memory is short.
 */
export function processHost({ memoryMb, libraryPath }: ProcessLimits = {}): HostFactory {
  return (_name, handler, listener) => {
    const script = fileURLToPath(workerFile('pool-worker', import.meta.url));
    const child = spawnLimited([script, handler.href], memoryMb, libraryPath);
    let reason: string | undefined;
    let lastWords = '';
    let ended = false;
    const end = (fallback: string, clean: boolean) => {
      if (ended) return;
      ended = true;
      const said = lastWords.trim().split('\n').slice(-3).join(' | ');
      listener.exit(reason ?? (said === '' ? fallback : `${fallback}: ${said}`), clean);
    };
    child.on('message', (message) => listener.message(withWords(message as FromWorker, lastWords)));
    child.stderr?.on('data', (chunk: Buffer) => (lastWords = (lastWords + chunk.toString()).slice(-LAST_WORDS)));
    child.once('error', (error) => end(`the process could not be started: ${error.message}`, false));
    // close, not exit: by then all that it said has been read.
    child.once('close', (code, signal) => end(`the process ended with ${signal ?? `code ${code}`}`, code === 0));
    return {
      post: (message) => {
        // A child that is gone takes nothing; its exit is told by the listener.
        if (child.connected) child.send(message, () => undefined);
      },
      kill: (why) => {
        reason = why;
        child.kill('SIGKILL');
      },
      ref: () => {
        child.ref();
        child.channel?.ref();
      },
      unref: () => {
        child.unref();
        child.channel?.unref();
        (child.stderr as unknown as { unref?: () => void } | null)?.unref?.();
      },
    };
  };
}

function spawnLimited(args: readonly string[], memoryMb?: number, libraryPath?: string): ChildProcess {
  const { NODE_OPTIONS: _, ...inherited } = process.env;
  const path = [libraryPath, inherited.LD_LIBRARY_PATH].filter(Boolean).join(':');
  const options = {
    // Advanced: typed arrays cross as they are.
    serialization: 'advanced' as const,
    stdio: ['ignore' as const, 'ignore' as const, 'pipe' as const, 'ipc' as const],
    // Read by the loader when a process starts, so that it can't be set in it.
    env: path === '' ? inherited : { ...inherited, LD_LIBRARY_PATH: path },
  };
  const limitable = process.platform === 'linux' && memoryMb !== undefined;
  if (!limitable) return spawn(process.execPath, args, options);
  // RLIMIT_DATA counts what is allocated, not the address space that V8 and CUDA reserve in advance.
  const script = `ulimit -d ${Math.ceil(memoryMb) * 1024} && exec "$0" "$@"`;
  return spawn('/bin/sh', ['-c', script, process.execPath, ...args], options);
}

/** Which library a provider lacks is told on stderr only: `… with error: libcublasLt.so.13: cannot open shared object file`. */
function withWords(message: FromWorker, lastWords: string): FromWorker {
  if (message.ok) return message;
  const detail = /with error: (.+)/.exec(lastWords)?.[1];
  return detail === undefined ? message : { ...message, message: `${message.message.trim()} (${detail.trim()})` };
}
