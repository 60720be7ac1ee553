import { IdenticalRows } from './identical-rows.js';
import type { KeptTensors } from './kept-tensors.js';
import type { Keep, OrtRequest, Tensors } from './ort-protocol.js';
import type { RunCall } from './run-call.js';
import { chunked, rowsFrom } from './tensor-rows.js';

/** Rows `start` to before `end` of a call. */
export interface Piece {
  readonly call: RunCall;
  readonly start: number;
  readonly end: number;
}

/** Rows of one shape, of one call or many, that are computed in one run; equal rows once. */
export class RunBatch {
  /** How often it was tried and the worker died of it. */
  attempts = 0;
  /** Rows that the network sees: those that differ. */
  readonly rows: number;
  readonly #places: readonly (readonly number[])[];

  constructor(
    readonly model: string,
    readonly pieces: readonly Piece[],
  ) {
    const [{ call: first, start, end }] = pieces as [Piece];
    // A row of one caller on an idle platform has nothing to be compared with; rows whose past is kept have places of their own.
    if (first.kept || (pieces.length === 1 && end - start === 1)) {
      this.rows = end - start;
      this.#places = [Array.from({ length: this.rows }, (_, i) => i)];
      return;
    }
    const identical = new IdenticalRows(Object.keys(pieces[0]!.call.inputs));
    this.#places = pieces.map(({ call, start, end }) =>
      Array.from({ length: end - start }, (_, i) => identical.placeOf(call.inputs, start + i)),
    );
    this.rows = identical.count;
  }

  /** What its only call keeps in a worker. */
  get kept(): KeptTensors | undefined {
    return this.pieces[0]!.call.kept;
  }

  /** Rows that callers wait for. */
  get asked(): number {
    return this.pieces.reduce((sum, { start, end }) => sum + end - start, 0);
  }

  /** Whether anybody still waits for it. */
  get isWanted(): boolean {
    return this.pieces.some(({ call }) => !call.isSettled);
  }

  /** The request to the worker: views of the callers' tensors. */
  request(): OrtRequest {
    const inputs = chunked(this.pieces[0]!.call.inputs, this.rows, (name) => this.#cut(name));
    const { kept } = this.pieces[0]!.call;
    if (!kept) return { kind: 'run', model: this.model, inputs };
    const keep: Keep = { id: kept.id, isFirst: kept.slot === undefined, outputs: kept.outputs };
    return { kind: 'run', model: this.model, inputs, keep };
  }

  /** Hands the answers out. @returns false when they can't be told apart, as an output has no row for each row. */
  deliver(outputs: Tensors): boolean {
    const [{ call, start, end }] = this.pieces as [Piece];
    if (this.pieces.length === 1 && end - start === call.rows && this.rows === call.rows) {
      call.acceptAll(outputs);
      return true;
    }
    if (Object.values(outputs).some(({ dims }) => dims[0] !== this.rows)) return false;
    this.pieces.forEach((piece, i) => piece.call.accept(piece.start, this.#places[i]!, outputs));
    return true;
  }

  /** A batch for each piece, so that nobody suffers for what another one asked. */
  split(): RunBatch[] {
    return this.pieces
      .filter(({ call }) => !call.isSettled)
      .map((piece) => {
        const batch = new RunBatch(this.model, [piece]);
        batch.attempts = this.attempts;
        return batch;
      });
  }

  fail(error: unknown): void {
    for (const { call } of this.pieces) call.fail(error);
  }

  /** Rows of one tensor in the order of their places, equal ones left out; neighbours stay together. */
  #cut(name: string): (Float32Array | BigInt64Array)[] {
    const chunks: (Float32Array | BigInt64Array)[] = [];
    let next = 0;
    this.pieces.forEach(({ call, start }, i) => {
      const places = this.#places[i]!;
      for (let at = 0; at < places.length;) {
        if (places[at] !== next) {
          at++;
          continue;
        }
        const from = at;
        while (at < places.length && places[at] === next) {
          at++;
          next++;
        }
        chunks.push(rowsFrom(call.inputs[name]!, start + from, start + at));
      }
    });
    return chunks;
  }
}
