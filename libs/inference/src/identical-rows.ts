import type { TensorData, Tensors } from './ort-protocol.js';

/** Words of a row that go into its hash, most: the newest points, in which series differ. */
const HASHED_WORDS = 16;

/** Finds rows that are bit for bit the same in every tensor, so that they are computed once. */
export class IdenticalRows {
  readonly #names: readonly string[];
  readonly #byHash = new Map<number, { inputs: Tensors; row: number; place: number }[]>();
  /** The tensors of the call that is looked at, as words. */
  #views: { readonly inputs?: Tensors; readonly words: readonly { all: Int32Array; row: number }[] } = { words: [] };
  #places = 0;

  constructor(names: readonly string[]) {
    this.#names = names;
  }

  /** Rows that are not the same as an earlier one. */
  get count(): number {
    return this.#places;
  }

  /** The place of a row among the different ones; the next free one when it is like none before. */
  placeOf(inputs: Tensors, row: number): number {
    const hash = this.#hash(inputs, row);
    const alike = this.#byHash.get(hash);
    const twin = alike?.find((other) => this.#same(inputs, row, other.inputs, other.row));
    if (twin) return twin.place;
    const entry = { inputs, row, place: this.#places++ };
    if (alike) alike.push(entry);
    else this.#byHash.set(hash, [entry]);
    return entry.place;
  }

  #hash(inputs: Tensors, row: number): number {
    if (this.#views.inputs !== inputs)
      this.#views = { inputs, words: this.#names.map((name) => wordsOf(inputs[name]!)) };
    let hash = 0x811c9dc5;
    for (const { all, row: length } of this.#views.words) {
      const end = (row + 1) * length;
      // FNV-1a over the last words.
      for (let i = end - Math.min(length, HASHED_WORDS); i < end; i++) hash = Math.imul(hash ^ all[i]!, 0x01000193);
    }
    return hash;
  }

  #same(a: Tensors, rowA: number, b: Tensors, rowB: number): boolean {
    return this.#names.every((name) => bytesOf(a[name]!, rowA).equals(bytesOf(b[name]!, rowB)));
  }
}

function wordsOf({ data, dims }: TensorData): { all: Int32Array; row: number } {
  const all = new Int32Array(data.buffer, data.byteOffset, data.byteLength / 4);
  return { all, row: all.length / dims[0]! };
}

function bytesOf({ data, dims }: TensorData, row: number): Buffer {
  const width = data.byteLength / dims[0]!;
  return Buffer.from(data.buffer as ArrayBuffer, data.byteOffset + row * width, width);
}
