import { PlatformError } from '@app/observability';
import type { KeptTensors } from './kept-tensors.js';
import type { TensorData, Tensors } from './ort-protocol.js';
import type { Lane, RunOptions } from './run-options.js';
import { copyRows, elementsPerRow, emptyLike, rowsOf, shapeOf } from './tensor-rows.js';

/**
 * One caller's run: rows that are handed out in pieces, answered in any order, and the promise of them all. It settles
 * exactly once, by the last answer, an error, the caller's leaving or the deadline; what comes later is dropped.
 */
export class RunCall {
  readonly rows: number;
  readonly shape: string;
  /** Values of one row. */
  readonly elements: number;
  readonly lane: Lane;
  /** What it finds in one worker and leaves there: it is computed whole, and with nobody else's rows. */
  readonly kept: KeptTensors | undefined;
  readonly answer: Promise<Tensors>;
  /** Smaller is sooner; set by the queue. */
  rank = 0;
  /** When it was queued last. */
  since = 0;
  /** Rows that were handed out. */
  taken = 0;
  #answered = 0;
  #outputs: Record<string, TensorData> | undefined;
  #settled = false;
  #resolve!: (outputs: Tensors) => void;
  #reject!: (error: unknown) => void;
  #timer: NodeJS.Timeout | undefined;
  #stopListening: (() => void) | undefined;

  /**
   * @param onSettled told once, at the end, however it came.
   * @throws what the signal says when the caller has left already; DEADLINE_EXCEEDED when the time is up already.
   */
  constructor(
    readonly model: string,
    readonly inputs: Tensors,
    { lane = 'rest', signal, deadline, kept }: RunOptions,
    private readonly onSettled: (call: RunCall) => void,
  ) {
    signal?.throwIfAborted();
    const left = deadline === undefined ? undefined : deadline - Date.now();
    if (left !== undefined && left <= 0) throw this.#late(0);
    this.lane = lane;
    this.rows = rowsOf(inputs);
    this.kept = kept;
    this.shape = kept ? `kept ${kept.id}` : shapeOf(inputs);
    this.elements = elementsPerRow(inputs);
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    if (left !== undefined) this.#timer = setTimeout(() => this.fail(this.#late(left)), left).unref();
    if (signal) {
      const leave = () => this.fail(signal.reason);
      signal.addEventListener('abort', leave, { once: true });
      this.#stopListening = () => signal.removeEventListener('abort', leave);
    }
  }

  get isSettled(): boolean {
    return this.#settled;
  }

  /** Rows that nobody computes yet; none once it is settled. */
  get waiting(): number {
    return this.#settled ? 0 : this.rows - this.taken;
  }

  /** All rows at once, as they came: nothing is copied. */
  acceptAll(outputs: Tensors): void {
    if (this.#settle()) this.#resolve(outputs);
  }

  /**
   * Takes the answers of some rows.
   *
   * @param start first row of the call that is answered.
   * @param places for each answered row, in order, its row in `outputs`.
   */
  accept(start: number, places: readonly number[], outputs: Tensors): void {
    if (this.#settled) return;
    this.#outputs ??= Object.fromEntries(
      Object.entries(outputs).map(([name, tensor]) => [name, emptyLike(tensor, this.rows)]),
    );
    for (const [name, tensor] of Object.entries(outputs)) {
      const target = this.#outputs[name]!;
      for (const { at, place, count } of runsOf(places)) copyRows(tensor, place, target, start + at, count);
    }
    this.#answered += places.length;
    if (this.#answered === this.rows && this.#settle()) this.#resolve(this.#outputs);
  }

  fail(error: unknown): void {
    if (this.#settle()) this.#reject(error);
  }

  #settle(): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    clearTimeout(this.#timer);
    this.#stopListening?.();
    this.onSettled(this);
    return true;
  }

  #late(ms: number): PlatformError {
    const message = `${this.model} gave no answer within the ${Math.round(ms)} ms that the caller had; ask for less, or later`;
    return new PlatformError('DEADLINE_EXCEEDED', message, { model: this.model });
  }
}

/** Stretches of ascending places: copied in one go. */
function runsOf(places: readonly number[]): { at: number; place: number; count: number }[] {
  const runs: { at: number; place: number; count: number }[] = [];
  for (const [at, place] of places.entries()) {
    const last = runs.at(-1);
    if (last && last.place + last.count === place) last.count++;
    else runs.push({ at, place, count: 1 });
  }
  return runs;
}
