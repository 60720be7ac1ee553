import { PlatformError } from '@app/observability';
import type { WorkerSlot } from './worker-slot.js';

/** Which outputs of a run stay in the worker, and as which inputs the next run gets them. */
export type KeptOutputs = Readonly<Record<string, string>>;

let next = 0;

/**
 * Tensors that stay in the worker that computed them, from one run of a caller to the next: a decoder's keys and values. The
 * first run chooses the worker, all others go there.
 */
export class KeptTensors {
  readonly id = (next += 1);
  /** The worker that has them; undefined before the first run. */
  slot: WorkerSlot | undefined;
  #lost: string | undefined;

  /** @param bytes that they come to, most. */
  constructor(
    readonly outputs: KeptOutputs,
    readonly bytes: number,
  ) {}

  /** Why they are gone; undefined while they are there. */
  get lost(): string | undefined {
    return this.#lost;
  }

  lose(reason: string): void {
    this.#lost ??= reason;
  }
}

/** What was kept for the next run is gone, with its worker or its model: the caller has to begin again. */
export class KeptTensorsLost extends PlatformError {
  constructor(model: string, reason: string) {
    super('INFERENCE_FAILED', `${model}: what was kept between two runs is gone (${reason})`, { model });
  }
}
