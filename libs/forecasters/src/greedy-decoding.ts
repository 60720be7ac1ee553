import type { TensorData, Tensors } from '@app/inference';
import { PlatformError } from '@app/observability';

type Floats = Extract<TensorData, { dtype: 'float32' }>;

/**
 * Runs Time-MoE's step graph: new points on a cache of those before. The cache is given from step to step, unless the outputs
 * lack it: then it stays where the graph runs.
 */
export type Step = (inputs: Tensors) => Promise<Tensors>;

/** What the decoder needs to know of the model's cache: [rows, layers, 2, heads, 0, head size] when it is empty. */
export interface EmptyCache {
  readonly layers: number;
  readonly heads: number;
  readonly headSize: number;
}

export interface Decoded {
  /** [rows, horizon], in the space of the inputs. */
  readonly forecast: Floats;
  /** Of every call: new points, the head used, cached points. */
  readonly calls: readonly (readonly [number, number, number])[];
  /** All outputs of the call on the context. */
  readonly first: Tensors;
}

/** Greedy multi-resolution schedule (Time-MoE, section 3.3): the longest head that does not overshoot, else the shortest. */
export function nextHorizon(remaining: number, horizons: readonly number[]): number {
  const beyond = horizons.findIndex((horizon) => horizon > remaining);
  return horizons[beyond < 0 ? horizons.length - 1 : Math.max(beyond - 1, 0)]!;
}

/**
 * Decodes `horizon` points: every forecast of a head is fed back as new points, the cache keeps what was seen.
 *
 * @param values normalised context, [rows, points].
 * @param mask 0 where a row is padded on the left, [rows, points].
 */
export async function decodeGreedily(
  step: Step,
  values: Floats,
  mask: Floats,
  horizon: number,
  horizons: readonly number[],
  { layers, heads, headSize }: EmptyCache,
): Promise<Decoded> {
  const rows = values.dims[0]!;
  const calls: [number, number, number][] = [];
  const forecast = new Float32Array(rows * horizon);
  let cached = 0;
  let cache: Tensors = {
    past_mask: zeros([rows, 0]),
    past_key_values: zeros([rows, layers, 2, heads, 0, headSize]),
  };
  let [points, seen]: [Floats, Floats] = [values, mask];
  let first: Tensors | undefined;
  for (let made = 0; made < horizon;) {
    const head = nextHorizon(horizon - made, horizons);
    calls.push([points.dims[1]!, head, cached]);
    const outputs = await step({ input_values: points, attention_mask: seen, ...cache });
    first ??= outputs;
    cached += points.dims[1]!;

    points = floats(outputs, `head_${head}_last`);
    seen = { ...points, data: new Float32Array(points.data.length).fill(1) };
    const { present_mask: mask, present_key_values: keyValues } = outputs;
    cache = mask && keyValues ? { past_mask: mask, past_key_values: keyValues } : {};
    const kept = Math.min(head, horizon - made);
    for (let row = 0; row < rows; row++) {
      forecast.set(points.data.subarray(row * head, row * head + kept), row * horizon + made);
    }
    made += head;
  }
  return { forecast: { dtype: 'float32', dims: [rows, horizon], data: forecast }, calls, first: first ?? {} };
}

function zeros(dims: readonly number[]): Floats {
  return { dtype: 'float32', dims, data: new Float32Array(dims.reduce((size, dim) => size * dim, 1)) };
}

function floats(outputs: Tensors, name: string): Floats {
  const tensor = outputs[name];
  if (tensor?.dtype !== 'float32') throw new PlatformError('INFERENCE_FAILED', `the model gives no ${name}`);
  return tensor;
}
