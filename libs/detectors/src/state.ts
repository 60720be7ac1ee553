const NUMBER_BYTES = 8;

/** Writes the state of a detector, part by part, as little-endian bytes; `StateReader` reads the same parts in order. */
export class StateWriter {
  private bytes: Uint8Array;
  private view: DataView;
  private length = 0;

  /** @param capacity bytes that the state is likely to have; it may have more. */
  constructor(capacity = 1024) {
    this.bytes = new Uint8Array(capacity);
    this.view = new DataView(this.bytes.buffer);
  }

  number(value: number): void {
    this.reserve(NUMBER_BYTES);
    this.view.setFloat64(this.length, value, true);
    this.length += NUMBER_BYTES;
  }

  /** The bytes of a typed array; its length is not written, the reader knows it. */
  array(values: StateArray): void {
    this.reserve(values.byteLength);
    this.bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), this.length);
    this.length += values.byteLength;
  }

  /** A text as UTF-8, with its length. */
  text(value: string): void {
    const bytes = new TextEncoder().encode(value);
    this.number(bytes.length);
    this.array(bytes);
  }

  /** A part with its length, so that a reader can do without it; nothing where there is none. */
  part(part: Stateful | undefined): void {
    const place = this.length;
    this.number(0);
    part?.save(this);
    this.view.setFloat64(place, this.length - place - NUMBER_BYTES, true);
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
    this.need(NUMBER_BYTES);
    const value = this.view.getFloat64(this.offset, true);
    this.offset += NUMBER_BYTES;
    return value;
  }

  /** Fills `into` with the next bytes. */
  array(into: StateArray): void {
    new Uint8Array(into.buffer, into.byteOffset, into.byteLength).set(this.take(into.byteLength));
  }

  /** Reads what `StateWriter.text` wrote. */
  text(): string {
    return new TextDecoder().decode(this.take(this.number()));
  }

  /**
   * Reads what `StateWriter.part` wrote. A part that is of another version begins anew rather than stopping the stream.
   *
   * @param fresh makes the part that is loaded, or none to pass over it.
   * @returns undefined where nothing was restored.
   */
  part<T extends Stateful>(fresh: () => T | undefined): T | undefined {
    const bytes = this.take(this.number());
    return bytes.length === 0 ? undefined : restored(fresh, bytes);
  }

  /**
   * The version that a state begins with.
   *
   * @throws RangeError when it is another one than `known`.
   */
  version(of: string, known: number): void {
    const found = this.number();
    if (found !== known) throw new RangeError(`the snapshot is of version ${found} of ${of}, this is version ${known}`);
  }

  /** @throws RangeError when bytes are left: the snapshot is of another detector. */
  finish(): void {
    const left = this.bytes.length - this.offset;
    if (left !== 0) throw new RangeError(`the snapshot has ${left} bytes more than this detector's state`);
  }

  /** The next bytes, as they lie. */
  private take(count: number): Uint8Array {
    this.need(count);
    const start = this.offset;
    this.offset += count;
    return this.bytes.subarray(start, this.offset);
  }

  private need(count: number): void {
    if (count >= 0 && this.offset + count <= this.bytes.length) return;
    throw new RangeError(`the snapshot ends after ${this.bytes.length} bytes; it is of another detector`);
  }
}

export type StateArray = Float64Array | Float32Array | Uint32Array | Int32Array | Uint16Array | Uint8Array;

/** Something with a state that goes into a snapshot, bit for bit. */
export interface Stateful {
  save(to: StateWriter): void;
  load(from: StateReader): void;
}

/** A part with the state of a snapshot, or undefined where that is of another version of the part. */
export function restored<T extends Stateful>(fresh: () => T | undefined, snapshot: Uint8Array): T | undefined {
  const part = fresh();
  if (!part) return undefined;
  try {
    const from = new StateReader(snapshot);
    part.load(from);
    from.finish();
    return part;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
