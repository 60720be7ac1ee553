// Small ONNX graphs out of TypeScript, for specs that want a real network: no binary in the repository, and no Python to
// make one. The wire format is that of protocol buffers; field numbers are those of onnx.proto3.
type Bytes = readonly number[];
type Size = number | string;

const FLOAT = 1;
const INT64 = 7;
const IR_VERSION = 8;
const OPSET = 13;

/** A tensor that goes in or comes out; a text is a free size. */
export interface Port {
  readonly name: string;
  readonly dtype: 'float32' | 'int64';
  readonly shape: readonly Size[];
}

/** A part of a graph: a node or a constant. */
export type Element = Bytes;

/** `output = operator(inputs)`; attributes are whole numbers of 0 and more, or lists of them. */
export function node(
  operator: string,
  inputs: readonly string[],
  output: string,
  attributes: Readonly<Record<string, number | readonly number[]>> = {},
): Element {
  return bytes(1, [
    ...inputs.flatMap((input) => text(1, input)),
    ...text(2, output),
    ...text(4, operator),
    ...Object.entries(attributes).flatMap(([name, value]) => bytes(5, [...text(1, name), ...attribute(value)])),
  ]);
}

/** A constant of float32. */
export function floats(name: string, dims: readonly number[], data: readonly number[]): Element {
  return constant(name, dims, FLOAT, Buffer.from(Float32Array.from(data).buffer));
}

/** A constant of int64, one-dimensional. */
export function longs(name: string, data: readonly number[]): Element {
  return constant(name, [data.length], INT64, Buffer.from(BigInt64Array.from(data, BigInt).buffer));
}

/** The bytes of a model file. */
export function onnxModel(inputs: readonly Port[], outputs: readonly Port[], elements: readonly Element[]): Uint8Array {
  const graph = [
    ...elements.flat(),
    ...text(2, 'tiny'),
    ...inputs.flatMap((port) => bytes(11, valueInfo(port))),
    ...outputs.flatMap((port) => bytes(12, valueInfo(port))),
  ];
  return Uint8Array.from([...integer(1, IR_VERSION), ...bytes(7, graph), ...bytes(8, integer(2, OPSET))]);
}

function attribute(value: number | readonly number[]): Bytes {
  if (typeof value === 'number') return [...integer(3, value), ...integer(20, 2)];
  return [...value.flatMap((one) => integer(8, one)), ...integer(20, 7)];
}

function constant(name: string, dims: readonly number[], type: number, raw: Buffer): Element {
  return bytes(5, [
    ...dims.flatMap((dim) => integer(1, dim)),
    ...integer(2, type),
    ...text(8, name),
    ...bytes(9, [...raw]),
  ]);
}

function valueInfo({ name, dtype, shape }: Port): Bytes {
  const sizes = shape.flatMap((size) => bytes(1, typeof size === 'string' ? text(2, size) : integer(1, size)));
  const tensor = [...integer(1, dtype === 'float32' ? FLOAT : INT64), ...bytes(2, sizes)];
  return [...text(1, name), ...bytes(2, bytes(1, tensor))];
}

function varint(value: number): Bytes {
  return value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];
}

function integer(field: number, value: number): Bytes {
  return [...varint(field * 8), ...varint(value)];
}

function bytes(field: number, content: Bytes): Bytes {
  return [...varint(field * 8 + 2), ...varint(content.length), ...content];
}

function text(field: number, content: string): Bytes {
  return bytes(field, [...Buffer.from(content)]);
}
