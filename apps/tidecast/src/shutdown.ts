import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '@app/observability';

/** npm hands a Ctrl-C on that the terminal has sent us already: what follows this soon is the same key press. */
const SAME_PRESS_MS = 500;
/** Whatever hangs, the person at the terminal gets it back. */
const PATIENCE_MS = 2_500;

type Step = () => Promise<unknown>;

/**
 * What has to be undone when the process ends, newest first. The first signal starts it, a second one does not wait;
 * no step may hold up the ones after it for long.
 */
export class Shutdown {
  readonly #steps: Step[] = [];
  #running: Promise<void> | undefined;
  #since = 0;

  /** Registers what undoes the thing that was just started. */
  push(step: Step): void {
    this.#steps.push(step);
  }

  /** Undoes everything once, however often it is called. */
  run(): Promise<void> {
    this.#since ||= Date.now();
    return (this.#running ??= this.#undo());
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /** Ends the process on Ctrl-C, SIGTERM or a closed terminal: exit code 0, or 130 when a second signal cuts it short. */
  listen(): void {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        if (!this.isRunning) void this.run().then(() => process.exit(0));
        else if (Date.now() - this.#since > SAME_PRESS_MS) process.exit(130);
      });
    }
  }

  async #undo(): Promise<void> {
    for (const step of this.#steps.toReversed()) {
      const late = sleep(PATIENCE_MS, 'late' as const, { ref: false });
      try {
        if ((await Promise.race([step(), late])) === 'late')
          process.stderr.write('still stopping; going on without waiting.\n');
      } catch (error) {
        process.stderr.write(`while stopping: ${messageOf(error)}\n`);
      }
    }
  }
}
