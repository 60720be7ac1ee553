// The script of every worker thread: loads the handler module that the pool names and serves requests in order.
import { parentPort, workerData } from 'node:worker_threads';
import type { FromWorker, Handler, ToWorker } from './pool-protocol.js';

const port = parentPort;
if (!port) throw new Error('pool-worker runs in a worker thread only');

const { handler } = workerData as { handler: string };
const served = (await import(handler)) as Handler;

// One after another: handlers need not be re-entrant, and the pool can tell which request a dying worker was at.
let last = Promise.resolve();
port.on('message', (message: ToWorker) => {
  last = last.then(() => (message.kind === 'close' ? close() : answer(message.id, message.request)));
});

async function answer(id: number, request: unknown): Promise<void> {
  try {
    const { result, transfer } = await served.handle(request);
    port!.postMessage({ id, ok: true, result } satisfies FromWorker, transfer);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    port!.postMessage({ id, ok: false, message } satisfies FromWorker, []);
  }
}

async function close(): Promise<void> {
  await served.dispose?.();
  port!.close();
}
