import type { Change, Listener } from './change.js';

/**
 * One reader of changes. What it has not read yet is kept by name, the newest of each, so that it never holds more than
 * there are things to tell about, however slow the reader is.
 */
export class Follower implements Listener {
  readonly items: ReadonlySet<string>;
  readonly #untold = new Map<string, Change>();
  #wake: (() => void) | undefined;
  #isClosed = false;

  constructor(items: readonly string[]) {
    this.items = new Set(items);
  }

  tell(name: string, change: Change): void {
    this.#untold.set(name, change);
    this.#wake?.();
  }

  /** Ends `read`. */
  close(): void {
    this.#isClosed = true;
    this.#wake?.();
  }

  /** Batches of changes as they come; an empty one where nothing came for so long. */
  async *read(idleMs: number): AsyncGenerator<Change[], void, void> {
    while (!this.#isClosed) {
      if (this.#untold.size === 0) await this.#sleep(idleMs);
      const changes = [...this.#untold.values()];
      this.#untold.clear();
      if (!this.#isClosed) yield changes;
    }
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
    });
  }
}
