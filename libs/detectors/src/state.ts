/** Writes the state of a detector, part by part, as little-endian bytes; `StateReader` reads the same parts in order. */
export class StateWriter {
  private bytes = new Uint8Array(1024);
  private view = new DataView(this.bytes.buffer);
  private length = 0;

  number(value: number): void {
    this.reserve(8);
    this.view.setFloat64(this.length, value, true);
    this.length += 8;
  }

  /** The bytes of a typed array; its length is not written, the reader knows it. */
  array(values: StateArray): void {
    this.reserve(values.byteLength);
    this.bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), this.length);
    this.length += values.byteLength;
  }

  finish(): Uint8Array {
    return this.bytes.slice(0, this.length);
  }

  private reserve(more: number): void {
    if (this.length + more <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.length + more));
    grown.set(this.bytes);
    this.bytes = grown;
    this.view = new DataView(grown.buffer);
  }
}

/** Reads what `StateWriter` wrote. */
export class StateReader {
  private readonly view: DataView;
  private offset = 0;

  constructor(private readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  number(): number {
    this.need(8);
    const value = this.view.getFloat64(this.offset, true);
    this.offset += 8;
    return value;
  }

  /** Fills `into` with the next bytes. */
  array(into: StateArray): void {
    this.need(into.byteLength);
    const part = this.bytes.subarray(this.offset, this.offset + into.byteLength);
    new Uint8Array(into.buffer, into.byteOffset, into.byteLength).set(part);
    this.offset += into.byteLength;
  }

  /** @throws RangeError when bytes are left: the snapshot is of another detector. */
  finish(): void {
    const left = this.bytes.length - this.offset;
    if (left !== 0) throw new RangeError(`the snapshot has ${left} bytes more than this detector's state`);
  }

  private need(count: number): void {
    if (this.offset + count <= this.bytes.length) return;
    throw new RangeError(`the snapshot ends after ${this.bytes.length} bytes; it is of another detector`);
  }
}

export type StateArray = Float64Array | Float32Array | Uint32Array | Int32Array | Uint16Array | Uint8Array;

/** Something with a state that goes into a snapshot, bit for bit. */
export interface Stateful {
  save(to: StateWriter): void;
  load(from: StateReader): void;
}
