import { decodeGreedily } from '@app/forecasters';
import type { TensorData, Tensors } from '@app/inference';

import type { ImportedPackage, TensorSpec } from './imported-package.js';
import { product, type GoldenTensor, type Scenario } from './scenarios.js';

/** The same call that the original code got, through ONNX Runtime. */
export async function runScenario(model: ImportedPackage, scenario: Scenario): Promise<Tensors> {
  if (model.horizons === undefined) return model.run(windowInputs(model, scenario));
  return 'labels' in scenario.inputs ? runLoss(model, scenario) : decode(model, scenario, model.horizons);
}

/** The graph reads exactly its context, and always a mask: what the official code does to other inputs is done here. */
function windowInputs(model: ImportedPackage, { inputs }: Scenario): Tensors {
  const given = inputs['past_values'] ?? inputs['x_enc'];
  if (!given) throw new Error(`the scenario has neither past_values nor x_enc`);
  const [rows, points] = [given.dims[0]!, model.contextLength];
  return Object.fromEntries(
    model.inputs.map((spec) => {
      const tensor = inputs[spec.name];
      if (tensor) return [spec.name, toTensor(spec, fitPoints(tensor, spec))];
      // No mask: all points count as observed, those that pad a short context too.
      if (spec.name.endsWith('observed_mask')) return [spec.name, ones([rows, points, given.dims[2]!])];
      if (spec.name === 'x_mark_enc') return [spec.name, ones([rows, points, 0])];
      throw new Error(`the scenario has no ${spec.name}`);
    }),
  );
}

/** The last points of a window, with zeros on the left where there are fewer; known future values keep their first. */
function fitPoints(tensor: GoldenTensor, { name, shape }: TensorSpec): GoldenTensor {
  const [rows, points, ...inner] = tensor.dims;
  const wanted = shape[1];
  if (typeof wanted !== 'number' || points === undefined || points === wanted) return tensor;
  const width = product(inner);
  const kept = Math.min(points, wanted);
  const from = name === 'future_values' ? 0 : points - kept;
  const data = new Float64Array(rows! * wanted * width);
  for (let row = 0; row < rows!; row++) {
    const start = (row * points + from) * width;
    data.set(tensor.data.subarray(start, start + kept * width), (row * wanted + wanted - kept) * width);
  }
  return { dims: [rows!, wanted, ...inner], data };
}

async function decode(model: ImportedPackage, { inputs, outputs }: Scenario, horizons: readonly number[]) {
  const values = toFloats(inputs['input_values']!);
  const mask = inputs['attention_mask'] ? toFloats(inputs['attention_mask']) : ones(values.dims);
  const [, layers, , heads, , headSize] = model.inputs.find(({ name }) => name === 'past_key_values')!.shape;
  const { forecast, calls, first } = await decodeGreedily(
    (tensors) => model.run(tensors),
    values,
    mask,
    outputs['normed_generate']?.dims[1] ?? 1,
    horizons,
    { layers: Number(layers), heads: Number(heads), headSize: Number(headSize) },
  );
  const schedule = BigInt64Array.from(calls.flat(), BigInt);
  return {
    ...first,
    normed_generate: forecast,
    ...(inputs['std'] && inputs['mean'] ? { generate: denormalise(forecast, inputs['mean'], inputs['std']) } : {}),
    schedule_new_tokens_head_past: { dtype: 'int64', dims: [calls.length, 3], data: schedule },
  } satisfies Tensors;
}

/** Labels behind the end are 0, and count where the official code gets no mask. */
function runLoss(model: ImportedPackage, { inputs }: Scenario): Promise<Tensors> {
  const labels = toFloats(inputs['labels']!);
  const mask = inputs['loss_masks'];
  const beyond = new Float32Array(labels.dims[0]!).fill(mask ? 0 : 1);
  return model.loss({
    input_values: toFloats(inputs['input_values']!),
    labels,
    loss_masks: mask ? toFloats(mask) : ones(labels.dims),
    beyond: { dtype: 'float32', dims: [labels.dims[0]!, 1], data: beyond },
  });
}

function denormalise(forecast: Floats, mean: GoldenTensor, std: GoldenTensor): Floats {
  const horizon = forecast.dims[1]!;
  const data = forecast.data.map((value, i) => {
    const row = Math.floor(i / horizon);
    return value * std.data[row]! + mean.data[row]!;
  });
  return { ...forecast, data };
}

type Floats = Extract<TensorData, { dtype: 'float32' }>;

function toTensor({ dtype }: TensorSpec, tensor: GoldenTensor): TensorData {
  if (dtype === 'float32') return toFloats(tensor);
  return { dtype, dims: tensor.dims, data: BigInt64Array.from(Array.from(tensor.data), BigInt) };
}

function toFloats({ dims, data }: GoldenTensor): Floats {
  return { dtype: 'float32', dims, data: Float32Array.from(data) };
}

function ones(dims: readonly number[]): Floats {
  return { dtype: 'float32', dims, data: new Float32Array(product(dims)).fill(1) };
}
