// The script of every worker, thread or process: loads the handler module that its pool names and serves requests in order.
import { writeFileSync } from 'node:fs';
import { parentPort, workerData, type Transferable } from 'node:worker_threads';
import type { FromWorker, Handler, ToWorker } from './pool-protocol.js';

const door = parentPort ? threadDoor(parentPort) : processDoor();
const served = (await import(door.handler)) as Handler;

// One after another: handlers need not be re-entrant, and the pool can tell which request a dying worker was at.
let last = Promise.resolve();
door.listen((message) => {
  last = last.then(() => (message.kind === 'close' ? close() : answer(message.id, message.request)));
});

async function answer(id: number, request: unknown): Promise<void> {
  try {
    const { result, transfer } = await served.handle(request);
    door.send({ id, ok: true, result }, transfer);
  } catch (error) {
    door.send({ id, ok: false, message: error instanceof Error ? error.message : String(error) });
  }
}

async function close(): Promise<void> {
  await served.dispose?.();
  door.close();
}

/** How the two kinds of worker hear and speak. */
interface Door {
  readonly handler: string;
  listen(hear: (message: ToWorker) => void): void;
  send(message: FromWorker, transfer?: readonly Transferable[]): void;
  close(): void;
}

function threadDoor(port: NonNullable<typeof parentPort>): Door {
  return {
    handler: (workerData as { handler: string }).handler,
    listen: (hear) => port.on('message', hear),
    send: (message, transfer) => port.postMessage(message, transfer ?? []),
    close: () => port.close(),
  };
}

function processDoor(): Door {
  const heard: ToWorker[] = [];
  let hear = (message: ToWorker): void => void heard.push(message);
  // Messages come while the handler is still being loaded; nobody else would keep them.
  process.on('message', (message) => hear(message as ToWorker));
  // A terminal sends Ctrl-C to us as well: when to end is the parent's to say, who lets us finish first.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
  // Without a parent nobody waits.
  process.once('disconnect', () => process.exit(0));
  beFirstToGo();
  return {
    handler: process.argv[2]!,
    listen: (listener) => {
      hear = listener;
      heard.splice(0).forEach(listener);
    },
    send: (message) => process.connected && process.send!(message),
    close: () => process.disconnect(),
  };
}

/** When memory is short the kernel shall take this process, which is replaced, and not the one that serves. */
function beFirstToGo(): void {
  try {
    writeFileSync('/proc/self/oom_score_adj', '500');
  } catch {
    // Not Linux, or not allowed.
  }
}
