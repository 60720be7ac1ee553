import { once } from 'node:events';

/** A rest that can be cut short, also before it begins. */
export class Pause {
  #ended = false;
  #end: () => void = () => {
    this.#ended = true;
  };

  /** Resolves after `ms`, or at the next `end`, or at once when that has come since the last wait. */
  async wait(ms: number): Promise<void> {
    if (!this.#ended) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#end = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#ended = false;
    this.#end = () => {
      this.#ended = true;
    };
  }

  end(): void {
    this.#end();
  }
}

/** What `work` comes to, or a rejection as soon as `signal` aborts: the work is no longer waited for. */
export async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const done = new AbortController();
  const abort = signal.aborted ? Promise.resolve() : once(signal, 'abort', { signal: done.signal });
  const aborted = abort.then(() => {
    throw new Error('the forecaster is shutting down');
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    // Takes the listener off the signal, which outlives the work.
    done.abort();
  }
}
