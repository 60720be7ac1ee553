import type { TensorData, Tensors } from '@app/inference';

import { decodeGreedily, nextHorizon } from './greedy-decoding.js';

const HORIZONS = [1, 8, 32, 64];

describe('nextHorizon', () => {
  it.each([
    [96, 64],
    [63, 32],
    [8, 8],
    [7, 1],
  ])('of %d remaining points takes %d', (remaining, head) => {
    expect(nextHorizon(remaining, HORIZONS)).toBe(head);
  });

  it('overshoots with the shortest head where even that is too long', () => {
    expect(nextHorizon(2, [4, 8])).toBe(4);
  });
});

describe('decodeGreedily', () => {
  const floats = (dims: number[], data: number[]): Extract<TensorData, { dtype: 'float32' }> => ({
    dtype: 'float32',
    dims,
    data: Float32Array.from(data),
  });

  /** Forecasts last + 1, last + 2, … and counts the points in its cache. */
  const counter = (calls: Tensors[]) => (inputs: Tensors) => {
    calls.push(inputs);
    const { input_values: values, attention_mask: mask, past_mask: past } = inputs;
    const [rows, points] = values!.dims as [number, number];
    const cached = past!.dims[1]! + points;
    const last = (row: number) => Number(values!.data[(row + 1) * points - 1]);
    const heads = HORIZONS.map((horizon) => [
      `head_${horizon}_last`,
      floats(
        [rows, horizon],
        Array.from({ length: rows * horizon }, (_, i) => last(Math.floor(i / horizon)) + 1 + (i % horizon)),
      ),
    ]);
    const seen = floats(
      [rows, cached],
      Array.from({ length: rows * cached }, () => Number(mask!.data[0])),
    );
    const cache = floats(
      [rows, 1, 2, 1, cached, 2],
      Array.from({ length: rows * cached * 4 }, () => 0),
    );
    return Promise.resolve({ ...Object.fromEntries(heads), present_mask: seen, present_key_values: cache } as Tensors);
  };

  it('feeds every forecast back and keeps the rows apart', async () => {
    const calls: Tensors[] = [];
    const values = floats([2, 3], [1, 2, 3, 101, 102, 103]);
    const decoded = await decodeGreedily(
      counter(calls),
      values,
      floats([2, 3], Array<number>(6).fill(1)),
      10,
      HORIZONS,
      {
        layers: 1,
        heads: 1,
        headSize: 2,
      },
    );
    expect(decoded.calls).toEqual([
      [3, 8, 0],
      [8, 1, 3],
      [1, 1, 11],
    ]);
    expect(Array.from(decoded.forecast.data)).toEqual([
      ...Array.from({ length: 10 }, (_, i) => 4 + i),
      ...Array.from({ length: 10 }, (_, i) => 104 + i),
    ]);
    expect(calls[0]!['past_key_values']!.dims).toEqual([2, 1, 2, 1, 0, 2]);
    expect(calls[1]!['past_mask']!.dims).toEqual([2, 3]);
  });
});
