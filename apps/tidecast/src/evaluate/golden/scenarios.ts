import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { TensorData, Tensors } from '@app/inference';
import { messageOf } from '@app/observability';
import { z } from 'zod';

/** A tensor of the original code, row-major, as precise as the file states it. */
export interface GoldenTensor {
  readonly dims: readonly number[];
  readonly data: Float64Array;
}

/** Inputs of one call of the original code, its outputs, and how far from them each may be, in units of the tensor. */
export interface Scenario {
  readonly name: string;
  readonly inputs: Readonly<Record<string, GoldenTensor>>;
  readonly outputs: Readonly<Record<string, GoldenTensor>>;
  readonly allowed: Readonly<Record<string, number>>;
}

/** How far a tensor is from the original's; whole numbers must be equal and have `allowed` 0. */
export interface Deviation {
  readonly tensor: string;
  readonly error: number;
  readonly allowed: number;
  readonly passed: boolean;
}

/** Says of a series and channel that its spectrum is 0 everywhere, so that the original took any bins; no output. */
const TIED = 'fft_tied';
/** What depends on these bins, by the axis of its channels. */
const BY_CHANNEL: Readonly<Record<string, number>> = {
  prediction_outputs: 2,
  quantile_outputs: 3,
  backbone_hidden_state: 1,
  decoder_hidden_state: 1,
  fft_topk_indices: 1,
};
/** Has a value for every point; at padding there is nothing to compare. */
const POINTWISE = 'head_first_all_positions';

const scenarioSchema = z.object({
  inputs: z.record(z.string(), z.array(z.unknown())),
  outputs: z.record(z.string(), z.array(z.unknown())),
  tolerance: z.record(z.string(), z.number()),
  output_scale: z.record(z.string(), z.number()),
});
const fileSchema = z.object({ scenarios: z.record(z.string(), scenarioSchema) });

/**
 * Reads `golden.json` of a case.
 *
 * @throws Error naming the file when it is not one.
 */
export function readScenarios(folder: string): Scenario[] {
  const file = join(folder, 'golden.json');
  try {
    const { scenarios } = fileSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
    return Object.entries(scenarios).map(([name, one]) => ({
      name,
      inputs: mapValues(one.inputs, toTensor),
      outputs: mapValues(one.outputs, toTensor),
      allowed: mapValues(one.tolerance, (tolerance, tensor) => tolerance * (one.output_scale[tensor] ?? 0)),
    }));
  } catch (error) {
    throw new Error(`${file}: ${messageOf(error)}`, { cause: error });
  }
}

/** One deviation for every golden tensor; one that `actual` lacks, or that has another shape, does not pass. */
export function compare(scenario: Scenario, actual: Tensors): Deviation[] {
  return Object.entries(scenario.outputs)
    .filter(([name]) => name !== TIED)
    .map(([tensor, expected]) => {
      const allowed = scenario.allowed[tensor] ?? 0;
      const error = largestError(scenario, tensor, expected, actual[tensor]);
      return { tensor, error, allowed, passed: error <= allowed };
    });
}

function largestError(scenario: Scenario, name: string, expected: GoldenTensor, actual?: TensorData): number {
  if (actual?.dims.join() !== expected.dims.join()) return Number.NaN;
  const counts = countsAt(scenario, name, expected.dims);
  let largest = 0;
  for (let i = 0; i < expected.data.length; i++) {
    if (!counts(i)) continue;
    const error = Math.abs(Number(actual.data[i]) - expected.data[i]!);
    if (Number.isNaN(error)) return Number.NaN;
    largest = Math.max(largest, error);
  }
  return largest;
}

/** Which values can be compared, by their place in the data. */
function countsAt({ inputs, outputs }: Scenario, name: string, dims: readonly number[]): (index: number) => boolean {
  const { attention_mask: mask } = inputs;
  if (name === POINTWISE && mask) {
    const width = dims[2]!;
    return (index) => mask.data[Math.floor(index / width)]! > 0;
  }
  const tied = outputs[TIED];
  const axis = BY_CHANNEL[name];
  if (!tied || axis === undefined) return () => true;
  const inner = product(dims.slice(axis + 1));
  const outer = product(dims.slice(1));
  const channels = dims[axis]!;
  return (index) => tied.data[Math.floor(index / outer) * channels + (Math.floor(index / inner) % channels)] === 0;
}

function toTensor(nested: unknown[]): GoldenTensor {
  const dims: number[] = [];
  for (let level: unknown = nested; Array.isArray(level); level = level[0] as unknown) dims.push(level.length);
  const data = Float64Array.from(nested.flat(Infinity), Number);
  if (data.length !== product(dims) || data.some(Number.isNaN)) throw new Error('a tensor is ragged or has no numbers');
  return { dims, data };
}

/** Number of values in a tensor of these dims. */
export function product(dims: readonly number[]): number {
  return dims.reduce((size, dim) => size * dim, 1);
}

function mapValues<V, R>(record: Readonly<Record<string, V>>, to: (value: V, key: string) => R): Record<string, R> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, to(value, key)]));
}
