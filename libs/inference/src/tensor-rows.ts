import { PlatformError } from '@app/observability';
import type { ChunkedTensor, TensorData, Tensors } from './ort-protocol.js';

/** Rows of a run: the first dimension of every tensor. @throws PlatformError INFERENCE_FAILED where they differ or are 0. */
export function rowsOf(inputs: Tensors): number {
  const counts = new Set(Object.values(inputs).map(({ dims }) => dims[0]));
  const [rows] = counts;
  if (counts.size === 1 && rows !== undefined && rows >= 1) return rows;
  const dims = Object.entries(inputs).map(([name, tensor]) => `${name} [${tensor.dims.join(', ')}]`);
  throw new PlatformError('INFERENCE_FAILED', `inputs need one number of rows, at least 1: ${dims.join(', ')}`);
}

/** What the rows of two calls must share to be computed in one run: names, types and all dimensions but the first. */
export function shapeOf(inputs: Tensors): string {
  return Object.entries(inputs)
    .map(([name, { dtype, dims }]) => `${name}:${dtype}[${dims.slice(1).join()}]`)
    .sort()
    .join(' ');
}

/** Values of one row over all tensors. */
export function elementsPerRow(inputs: Tensors): number {
  return Object.values(inputs).reduce(
    (sum, { dims }) => sum + dims.slice(1).reduce((product, dim) => product * dim, 1),
    0,
  );
}

/** Some rows, from `start` to before `end`, of each tensor: views, not copies. */
export function rowsFrom(tensor: TensorData, start: number, end: number): Float32Array | BigInt64Array {
  const width = tensor.data.length / tensor.dims[0]!;
  return tensor.data.subarray(start * width, end * width);
}

/** Tensors of several runs of rows, put together only where they are needed: in the worker. */
export function chunked(inputs: Tensors, rows: number, cut: (name: string) => ChunkedTensor['chunks']) {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, tensor]): [string, ChunkedTensor] => [
      name,
      { dtype: tensor.dtype, dims: [rows, ...tensor.dims.slice(1)], chunks: cut(name) },
    ]),
  );
}

/** An empty tensor like this one for another number of rows. */
export function emptyLike({ dtype, dims, data }: TensorData, rows: number): TensorData {
  const shape = [rows, ...dims.slice(1)];
  const length = (data.length / dims[0]!) * rows;
  if (dtype === 'int64') return { dtype, dims: shape, data: new BigInt64Array(length) };
  return { dtype, dims: shape, data: new Float32Array(length) };
}

/** Copies `count` rows of one tensor into another of the same type and width. */
export function copyRows(from: TensorData, fromRow: number, to: TensorData, toRow: number, count: number): void {
  const width = from.data.length / from.dims[0]!;
  const source = from.data.subarray(fromRow * width, (fromRow + count) * width);
  // Both are of one type; the two signatures of `set` can't say so.
  (to.data.set as (source: Float32Array | BigInt64Array, offset: number) => void).call(to.data, source, toRow * width);
}
