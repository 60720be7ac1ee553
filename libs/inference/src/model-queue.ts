import { PlatformError, metrics } from '@app/observability';
import type { KeptTensors } from './kept-tensors.js';
import type { RunCost, Tensors } from './ort-protocol.js';
import { RunBatch, type Piece } from './run-batch.js';
import { RunCall } from './run-call.js';
import { LANES, type Lane, type RunOptions } from './run-options.js';

/**
 * Milliseconds that a call of a lane lets others go first, counted from its arrival: the newcomer of a better lane goes
 * first, but what has waited longer than the difference is not passed any more. So no lane is ever starved.
 */
const HANDICAP_MS: Readonly<Record<Lane, number>> = { rest: 0, stream: 500, batch: 5_000 };
/** Part of the bound that a lane may fill: scheduled runs alone never get a person refused. */
const SHARE: Readonly<Record<Lane, number>> = { rest: 1, stream: 0.75, batch: 0.5 };
/** Work that may wait, in seconds of one worker: beyond, a person gives up before it is done. */
const MOST_WAITING_SECONDS = 10;
/** Calls that may wait for room. They come from partitions and tasks, of which there are few. */
const MOST_AT_DOOR = 1_024;

/** Rows of a run while nothing is measured. */
const USUAL_ROWS = 64;
/** Of a model as small as ours, 1 core: TTM takes 0.5 ms for the 1,028 values of a row. */
const USUAL_COST: RunCost = { overheadSeconds: 0.0005, secondsPerElement: 5e-7 };
/** What a run costs however small it is may be this part of it: larger batches are hardly cheaper a row. */
const OVERHEAD_SHARE = 0.05;
const LEAST_ROWS = 8;
const MOST_ROWS = 256;
/** A small call waits for the run before it: longer runs would gain little and make people wait. */
const MOST_RUN_SECONDS = 0.05;
/** Bytes of one request: copying them holds up the serving thread. */
const MOST_RUN_BYTES = 1 << 20;

export interface ModelQueueOptions {
  readonly cost?: RunCost;
  /** Rows of one run, instead of what follows from the cost. */
  readonly batchRows?: number;
  /** Instead of ten seconds of work. */
  readonly maxWaitingRows?: number;
  /** Workers that share the queue; for the time that is named to those who are refused. */
  readonly workers?: number;
}

/** Whether a worker may have a call that keeps tensors in it. */
export type Admit = (kept: KeptTensors) => boolean;
const anyone: Admit = () => true;

/** Calls of one shape, by lane, each lane in the order of its ranks. */
type Lanes = Record<Lane, RunCall[]>;

/**
 * The runs that wait for one model. Bounded by their cost (rows × values of a row × what the family takes for a value):
 * when it is full a call of the lane `rest` is refused with OVERLOADED, calls of the others wait for room. Rows of many
 * callers leave in one batch. A large call leaves in parts and goes to the back after each.
 */
export class ModelQueue {
  readonly #shapes = new Map<string, Lanes>();
  readonly #door: { call: RunCall; enter: () => void }[] = [];
  readonly #again: RunBatch[] = [];
  /** Calls of which rows wait. */
  readonly #entered = new Set<RunCall>();
  readonly #cost: RunCost;
  readonly #maxCost: number;
  #waitingCost = 0;
  #waitingRows = 0;

  constructor(
    private readonly model: string,
    private readonly options: ModelQueueOptions = {},
  ) {
    this.#cost = options.cost ?? USUAL_COST;
    this.#maxCost = MOST_WAITING_SECONDS * (options.workers ?? 1);
  }

  /** Rows that wait for a worker. */
  get rows(): number {
    return this.#waitingRows;
  }

  /** Whether another call of this lane would have to wait for room, or be refused. */
  isFull(lane: Lane): boolean {
    return (lane !== 'rest' && this.#door.length > 0) || this.#fill >= SHARE[lane];
  }

  /**
   * Queues a run.
   *
   * @returns the outputs; rejects with OVERLOADED, DEADLINE_EXCEEDED, INFERENCE_FAILED, or the reason of the signal.
   */
  async add(inputs: Tensors, options: RunOptions, now: number): Promise<Tensors> {
    const call = new RunCall(this.model, inputs, options, (settled) => this.#forget(settled));
    // Nobody passes those who wait at the door, except a person.
    const fits = this.#hasRoomFor(call) && (call.lane === 'rest' || this.#door.length === 0);
    if (!fits && (call.lane === 'rest' || this.#door.length >= MOST_AT_DOOR)) call.fail(this.#overloaded());
    else if (fits) this.#enter(call, now);
    else this.#door.push({ call, enter: () => this.#enter(call, performance.now()) });
    return call.answer;
  }

  /** Rank of what is to go next, smaller is sooner; undefined when nothing waits. */
  get rank(): number | undefined {
    return this.rankFor(anyone);
  }

  /** The same of what a worker may have. */
  rankFor(admit: Admit): number | undefined {
    if (this.#again.some((batch) => batch.isWanted)) return Number.NEGATIVE_INFINITY;
    return this.#next({ admit })?.rank;
  }

  /** Whether a whole batch waits, so that nothing is gained by gathering longer. */
  get hasFullBatch(): boolean {
    const head = this.#next();
    return this.#again.length > 0 || (head !== undefined && this.#waitingRows >= this.#batchRows(head));
  }

  /**
   * The next batch: the best ranked call and whatever of its shape goes into the same run.
   *
   * @param sharers idle workers: a little work is spread over them.
   * @param admit what the worker may have.
   */
  take(now: number, sharers = 1, admit = anyone): RunBatch | undefined {
    for (let batch = this.#again.shift(); batch; batch = this.#again.shift()) if (batch.isWanted) return batch;
    const head = this.#next({ admit });
    if (!head) return undefined;
    const most = head.kept ? head.rows : this.#batchRows(head);
    let room = head.kept
      ? most
      : Math.min(most, Math.max(Math.min(LEAST_ROWS, most), Math.ceil(this.#waitingRows / sharers)));
    const pieces: Piece[] = [];
    const back: RunCall[] = [];
    for (let call: RunCall | undefined = head; call && room > 0; call = this.#next({ shape: head.shape })) {
      if (call.taken === 0) observeWait(call, now);
      const start = call.taken;
      const end = Math.min(call.rows, start + room);
      call.taken = end;
      this.#leave(call, end - start);
      room -= end - start;
      pieces.push({ call, start, end });
      this.#shapes.get(call.shape)![call.lane].shift();
      if (call.waiting > 0) back.push(call);
    }
    for (const call of back) this.#line(call, now);
    this.#openDoor();
    return new RunBatch(this.model, pieces);
  }

  /** Puts batches that were tried before in front. */
  retry(batches: readonly RunBatch[]): void {
    this.#again.unshift(...batches);
  }

  /** Ends every call that waits. */
  failAll(error: unknown): void {
    for (const batch of this.#again.splice(0)) batch.fail(error);
    for (const { call } of this.#door.splice(0)) call.fail(error);
    const calls = [...this.#shapes.values()].flatMap((lanes) => LANES.flatMap((lane) => lanes[lane]));
    for (const call of calls) call.fail(error);
    this.#shapes.clear();
  }

  /** Seconds after which there is room again, for `Retry-After`. */
  get secondsToRoom(): number {
    return Math.max(1, Math.ceil(this.#waitingCost / (this.options.workers ?? 1)));
  }

  get #fill(): number {
    const { maxWaitingRows } = this.options;
    return maxWaitingRows === undefined ? this.#waitingCost / this.#maxCost : this.#waitingRows / maxWaitingRows;
  }

  // A call larger than the bound still gets in when nothing waits: otherwise it never would.
  #hasRoomFor(call: RunCall): boolean {
    const { maxWaitingRows } = this.options;
    const more =
      maxWaitingRows === undefined ? this.#costOf(call, call.rows) / this.#maxCost : call.rows / maxWaitingRows;
    return this.#waitingRows === 0 || this.#fill + more <= SHARE[call.lane];
  }

  #enter(call: RunCall, now: number): void {
    this.#waitingRows += call.rows;
    this.#waitingCost += this.#costOf(call, call.rows);
    this.#entered.add(call);
    this.#line(call, now);
  }

  #line(call: RunCall, now: number): void {
    call.since = now;
    call.rank = now + HANDICAP_MS[call.lane];
    let lanes = this.#shapes.get(call.shape);
    if (!lanes) this.#shapes.set(call.shape, (lanes = { rest: [], stream: [], batch: [] }));
    lanes[call.lane].push(call);
  }

  /** The call that goes next, of one shape or of any; those that ended meanwhile are passed over for good. */
  #next({ shape, admit = anyone }: { shape?: string; admit?: Admit } = {}): RunCall | undefined {
    let best: RunCall | undefined;
    for (const [key, lanes] of shape === undefined ? this.#shapes : [[shape, this.#shapes.get(shape)!] as const]) {
      for (const lane of LANES) {
        while (lanes[lane][0]?.isSettled) lanes[lane].shift();
        const head = lanes[lane][0];
        if (head && (!best || head.rank < best.rank) && (!head.kept || admit(head.kept))) best = head;
      }
      if (shape === undefined && LANES.every((lane) => lanes[lane].length === 0)) this.#shapes.delete(key);
    }
    return best;
  }

  /** Some rows of a call no longer wait here. */
  #leave(call: RunCall, rows: number): void {
    this.#waitingRows -= rows;
    this.#waitingCost = this.#waitingRows === 0 ? 0 : this.#waitingCost - this.#costOf(call, rows);
    if (call.taken === call.rows) this.#entered.delete(call);
  }

  /** A call that ended before all its rows were taken makes room. */
  #forget(call: RunCall): void {
    if (!this.#entered.has(call)) return;
    const rows = call.rows - call.taken;
    call.taken = call.rows;
    this.#leave(call, rows);
    this.#openDoor();
  }

  #openDoor(): void {
    while (this.#door.length > 0) {
      const { call, enter } = this.#door[0]!;
      if (!call.isSettled && !this.#hasRoomFor(call)) return;
      this.#door.shift();
      if (!call.isSettled) enter();
    }
  }

  #costOf({ elements }: RunCall, rows: number): number {
    return rows * elements * this.#cost.secondsPerElement;
  }

  #batchRows(call: RunCall): number {
    if (this.options.batchRows !== undefined) return this.options.batchRows;
    const { elements } = call;
    const rowSeconds = elements * this.#cost.secondsPerElement;
    const wanted = this.options.cost
      ? Math.min(MOST_ROWS, Math.max(LEAST_ROWS, this.#cost.overheadSeconds / rowSeconds / OVERHEAD_SHARE))
      : USUAL_ROWS;
    return Math.max(1, Math.floor(Math.min(wanted, MOST_RUN_SECONDS / rowSeconds, MOST_RUN_BYTES / 4 / elements)));
  }

  #overloaded(): PlatformError {
    const retryAfterSeconds = this.secondsToRoom;
    const message = `the queue of ${this.model} is full (${this.#waitingRows} rows wait); retry in ${retryAfterSeconds} s`;
    return new PlatformError('OVERLOADED', message, {
      queue: this.model,
      waiting: this.#waitingRows,
      retryAfterSeconds,
    });
  }
}

function observeWait({ model, lane, since }: RunCall, now: number): void {
  metrics.inferenceWaitSeconds.observe({ model: model.split('@')[0]!, lane }, (now - since) / 1000);
}
