import { invalid, notSupported } from '../api-error.js';
import type { InputTensor } from './open-inference.schema.js';

type ReadElement = (bytes: DataView, at: number) => number;

/** Datatypes of numbers: their size, and how one is read. Whole numbers of 64 bits are taken as the nearest double. */
const NUMBERS: Readonly<Record<string, readonly [bytes: number, read: ReadElement]>> = {
  FP64: [8, (bytes, at) => bytes.getFloat64(at, true)],
  FP32: [4, (bytes, at) => bytes.getFloat32(at, true)],
  INT64: [8, (bytes, at) => Number(bytes.getBigInt64(at, true))],
  INT32: [4, (bytes, at) => bytes.getInt32(at, true)],
  INT16: [2, (bytes, at) => bytes.getInt16(at, true)],
  INT8: [1, (bytes, at) => bytes.getInt8(at)],
  UINT64: [8, (bytes, at) => Number(bytes.getBigUint64(at, true))],
  UINT32: [4, (bytes, at) => bytes.getUint32(at, true)],
  UINT16: [2, (bytes, at) => bytes.getUint16(at, true)],
  UINT8: [1, (bytes, at) => bytes.getUint8(at)],
};

/** A tensor with its data, in the order of rows. */
export interface Tensor<Element> {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: readonly Element[];
}

/**
 * A tensor of numbers; null and NaN are gaps.
 *
 * @param binary its part of the body, where it came as bytes.
 * @throws PlatformError for another datatype, or data that don't have the shape.
 */
export function numberTensor(input: InputTensor, binary?: Uint8Array): Tensor<number> {
  const type = Object.hasOwn(NUMBERS, input.datatype) ? NUMBERS[input.datatype] : undefined;
  if (!type) {
    const known = Object.keys(NUMBERS).join(', ');
    throw notSupported(
      `input ${input.name}: the datatype ${shown(input.datatype)} is not understood; use one of ${known}`,
    );
  }
  const count = elementsOf(input);
  const { name, shape } = input;
  if (!binary) return { name, shape, data: flat(input, count).map((value, at) => numberOf(value, name, at)) };
  const [size, read] = type;
  if (binary.length !== count * size) throw wrongSize(input, count * size, `${binary.length} bytes`);
  const view = new DataView(binary.buffer, binary.byteOffset, binary.length);
  return { name, shape, data: Array.from({ length: count }, (_, at) => read(view, at * size)) };
}

/** A tensor of texts. @throws PlatformError for another datatype, or data that don't have the shape. */
export function textTensor(input: InputTensor, binary?: Uint8Array): Tensor<string> {
  const { name, shape, datatype } = input;
  if (datatype !== 'BYTES') throw invalid(`input ${name}: the datatype is ${shown(datatype)}, it must be BYTES`);
  const count = elementsOf(input);
  const data = binary ? [...texts(binary, input)] : flat(input, count).map((value, at) => textOf(value, name, at));
  if (data.length !== count) throw wrongSize(input, count, `${data.length} texts`);
  return { name, shape, data };
}

/** Texts as bytes: each after its length in four bytes. */
function* texts(binary: Uint8Array, { name }: InputTensor): Generator<string> {
  const view = new DataView(binary.buffer, binary.byteOffset, binary.length);
  for (let at = 0; at < binary.length;) {
    const end = at + 4 <= binary.length ? at + 4 + view.getUint32(at, true) : Number.POSITIVE_INFINITY;
    if (end > binary.length) throw invalid(`input ${name}: its bytes end within a text; send each after its length`);
    yield Buffer.from(binary.subarray(at + 4, end)).toString();
    at = end;
  }
}

function elementsOf({ name, shape }: InputTensor): number {
  const count = shape.reduce((product, size) => product * size, 1);
  if (Number.isSafeInteger(count) && count > 0) return count;
  throw invalid(`input ${name}: the shape [${shape.join(', ')}] has ${count === 0 ? 'no' : 'too many'} elements`);
}

/** The data of a JSON tensor, which may be nested as its shape is. */
function flat(input: InputTensor, count: number): unknown[] {
  if (!Array.isArray(input.data))
    throw invalid(`input ${input.name}: data is missing; give a list, or binary_data_size`);
  const data = input.data.flat(input.shape.length) as unknown[];
  if (data.length !== count) throw wrongSize(input, count, `${data.length} values`);
  return data;
}

function numberOf(value: unknown, name: string, at: number): number {
  if (value === null) return Number.NaN;
  if (typeof value === 'number') return value;
  throw invalid(`input ${name}: data[${at}] is ${shown(value)}, no number; write null for a gap`, 'VALUE_NOT_FINITE');
}

function textOf(value: unknown, name: string, at: number): string {
  if (typeof value === 'string') return value;
  throw invalid(`input ${name}: data[${at}] is ${shown(value)}, no text`);
}

function wrongSize({ name, shape }: InputTensor, needed: number, found: string) {
  return invalid(`input ${name}: the shape [${shape.join(', ')}] needs ${needed}, there are ${found}`);
}

function shown(value: unknown): string {
  return JSON.stringify(value)?.slice(0, 40) ?? 'nothing';
}
