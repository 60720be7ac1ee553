// PostgreSQL's binary array format (array_recv): dimensions, has-nulls flag, element type, length, lower bound, then
// each element with its length. The driver sends a Buffer parameter as binary, which spares both sides the text: of
// 10,000 doubles that is about 4 ms of formatting here and 2 ms of parsing there.
const HEADER_BYTES = 20;
const OID = { bytea: 17, int2: 21, int4: 23, text: 25, float8: 701, timestamptz: 1184 };
const POSTGRES_EPOCH_MS = 946_684_800_000;
const TWO_32 = 4_294_967_296;

function header(buffer: Buffer, oid: number, length: number, hasNulls = false): void {
  buffer.writeInt32BE(1, 0);
  buffer.writeInt32BE(hasNulls ? 1 : 0, 4);
  buffer.writeInt32BE(oid, 8);
  buffer.writeInt32BE(length, 12);
  buffer.writeInt32BE(1, 16);
}

type Numbers = ArrayLike<number>;

function fixed(oid: number, width: number, length: number): { buffer: Buffer; view: DataView } {
  const buffer = Buffer.allocUnsafe(HEADER_BYTES + length * (4 + width));
  header(buffer, oid, length);
  return { buffer, view: new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength) };
}

/** `int4[]` parameter. */
export function int4Array(values: Numbers): Buffer {
  const { buffer, view } = fixed(OID.int4, 4, values.length);
  for (let i = 0, at = HEADER_BYTES; i < values.length; i++, at += 8) {
    view.setInt32(at, 4);
    view.setInt32(at + 4, values[i] as number);
  }
  return buffer;
}

/** `int2[]` parameter. */
export function int2Array(values: Numbers): Buffer {
  const { buffer, view } = fixed(OID.int2, 2, values.length);
  for (let i = 0, at = HEADER_BYTES; i < values.length; i++, at += 6) {
    view.setInt32(at, 2);
    view.setInt16(at + 4, values[i] as number);
  }
  return buffer;
}

/** `float8[]` parameter. */
export function float8Array(values: Numbers): Buffer {
  const { buffer, view } = fixed(OID.float8, 8, values.length);
  for (let i = 0, at = HEADER_BYTES; i < values.length; i++, at += 12) {
    view.setInt32(at, 8);
    view.setFloat64(at + 4, values[i] as number);
  }
  return buffer;
}

/** `timestamptz[]` parameter of whole epoch milliseconds. */
export function timestamptzArray(epochMs: Numbers): Buffer {
  const { buffer, view } = fixed(OID.timestamptz, 8, epochMs.length);
  for (let i = 0, at = HEADER_BYTES; i < epochMs.length; i++, at += 12) {
    view.setInt32(at, 8);
    const micros = ((epochMs[i] as number) - POSTGRES_EPOCH_MS) * 1_000;
    if (Number.isSafeInteger(micros)) {
      view.setInt32(at + 4, Math.floor(micros / TWO_32));
      view.setUint32(at + 8, micros % TWO_32);
    } else {
      view.setBigInt64(at + 4, BigInt((epochMs[i] as number) - POSTGRES_EPOCH_MS) * 1_000n);
    }
  }
  return buffer;
}

/** `text[]` parameter. PostgreSQL's text holds no NUL: it is left out. */
export function textArray(values: readonly (string | null)[]): Buffer {
  return bytesArray(
    OID.text,
    values.map((value) => (value === null ? null : Buffer.from(withoutNul(value), 'utf8'))),
  );
}

/** `bytea[]` parameter. */
export function byteaArray(values: readonly (Buffer | null)[]): Buffer {
  return bytesArray(OID.bytea, values);
}

/** Text that a `text` or `jsonb` column takes: without NUL, which PostgreSQL can't hold. */
export function withoutNul(text: string): string {
  return text.includes('\0') ? text.replaceAll('\0', '') : text;
}

function bytesArray(oid: number, values: readonly (Buffer | null)[]): Buffer {
  let size = HEADER_BYTES;
  for (const value of values) size += 4 + (value?.length ?? 0);
  const buffer = Buffer.allocUnsafe(size);
  header(buffer, oid, values.length, true);
  let at = HEADER_BYTES;
  for (const value of values) {
    at = buffer.writeInt32BE(value === null ? -1 : value.length, at);
    if (value !== null) at += value.copy(buffer, at);
  }
  return buffer;
}
