import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { TensorData } from '@app/inference';

import { compare, readScenarios } from './scenarios.js';

describe('golden scenarios', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'golden-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const scenario = (outputs: object, inputs: object = {}) => {
    const one = { inputs, outputs, tolerance: { y: 0.1 }, output_scale: { y: 10 } };
    writeFileSync(join(folder, 'golden.json'), JSON.stringify({ scenarios: { normal: one } }));
    return readScenarios(folder)[0]!;
  };
  const floats = (dims: number[], ...data: number[]): TensorData => ({
    dtype: 'float32',
    dims,
    data: Float32Array.from(data),
  });

  it('allows the tolerance times the scale of the output', () => {
    const golden = scenario({ y: [[1, 2, 3]] });
    expect(compare(golden, { y: floats([1, 3], 1.5, 2, 3) })).toEqual([
      { tensor: 'y', error: 0.5, allowed: 1, passed: true },
    ]);
    expect(compare(golden, { y: floats([1, 3], 1, 2, 4.5) })[0]?.passed).toBe(false);
  });

  it('wants whole numbers to be equal', () => {
    const golden = scenario({ chosen: [[3, 4]] });
    const chosen = (...data: bigint[]): TensorData => ({
      dtype: 'int64',
      dims: [1, 2],
      data: BigInt64Array.from(data),
    });
    expect(compare(golden, { chosen: chosen(3n, 4n) })[0]?.passed).toBe(true);
    expect(compare(golden, { chosen: chosen(4n, 3n) })[0]?.passed).toBe(false);
  });

  it.each([
    ['a tensor that is not there', {}],
    ['another shape', { y: floats([3], 1, 2, 3) }],
    ['NaN', { y: floats([1, 3], 1, 2, Number.NaN) }],
  ])('does not pass %s', (_, actual) => {
    expect(compare(scenario({ y: [[1, 2, 3]] }), actual)[0]).toMatchObject({ tensor: 'y', passed: false });
  });

  it('leaves out series and channels whose spectrum was tied', () => {
    // [row, step, channel]: channel 1 of row 0 is tied.
    const golden = scenario({
      prediction_outputs: [
        [
          [1, 2],
          [3, 4],
        ],
      ],
      fft_tied: [[0, 1]],
    });
    const near = compare(golden, { prediction_outputs: floats([1, 2, 2], 1, 90, 3, 90) });
    expect(near).toEqual([{ tensor: 'prediction_outputs', error: 0, allowed: 0, passed: true }]);
    expect(compare(golden, { prediction_outputs: floats([1, 2, 2], 1, 2, 90, 4) })[0]?.passed).toBe(false);
  });

  it('leaves out what a decoder says at padding', () => {
    const golden = scenario({ head_first_all_positions: [[[1], [2]]] }, { attention_mask: [[0, 1]] });
    expect(compare(golden, { head_first_all_positions: floats([1, 2, 1], 50, 2) })[0]?.passed).toBe(true);
    expect(compare(golden, { head_first_all_positions: floats([1, 2, 1], 1, 50) })[0]?.passed).toBe(false);
  });

  it('names a file that is cut off', () => {
    writeFileSync(join(folder, 'golden.json'), '{"scenarios": {"normal"');
    expect(() => readScenarios(folder)).toThrow(/golden\.json: /);
  });
});
