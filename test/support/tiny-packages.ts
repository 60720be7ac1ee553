// Model packages of some kilobytes with the signatures of all families. Each network repeats the last value that it sees,
// and those that see the channels of an item together add a quarter of the mean of their last values.
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CANONICAL_LEVELS, normalQuantile } from '@app/series';

import { floats, longs, node, onnxModel, type Element, type Port } from './onnx-graph.js';

/** Points that a tiny network sees. */
export const TINY_CONTEXT = 96;
/** Steps of one run. */
export const TINY_STEPS = 24;
/** What a channel gets of the mean of the last values of all. */
export const TINY_SHARE = 0.25;
/** Deviation of step 1; that of a step is its root times as much. */
export const TINY_SPREAD = 0.1;
/** Steps of the heads of the tiny decoder. */
export const TINY_HEADS = [1, 8];

const LEVELS = CANONICAL_LEVELS.length;
/** Of a random walk, in the space of the network. */
const OFFSETS = Array.from(
  { length: TINY_STEPS * LEVELS },
  (_, i) => TINY_SPREAD * Math.sqrt(Math.floor(i / LEVELS) + 1) * normalQuantile(CANONICAL_LEVELS[i % LEVELS]!),
);

interface Graph {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly elements: readonly Element[];
}

const port = (name: string, ...shape: (number | string)[]): Port => ({
  name,
  dtype: 'float32',
  shape: ['batch', ...shape],
});
const seasons: Port = { name: 'season_candidates', dtype: 'int64', shape: ['batch', 4] };
const lastPoint = Array.from({ length: TINY_CONTEXT }, (_, i) => (i === TINY_CONTEXT - 1 ? 1 : 0));

/** Quantiles of each series on its own. */
export const seriesGraph: Graph = {
  inputs: [port('past_values', TINY_CONTEXT), port('past_observed_mask', TINY_CONTEXT), seasons],
  outputs: [port('quantiles', TINY_STEPS, LEVELS)],
  elements: [
    floats('picks_last', [TINY_CONTEXT, 1], lastPoint),
    floats('offsets', [1, OFFSETS.length], OFFSETS),
    longs('shape', [0, TINY_STEPS, LEVELS]),
    node('MatMul', ['past_values', 'picks_last'], 'last'),
    node('Add', ['last', 'offsets'], 'flat'),
    node('Reshape', ['flat', 'shape'], 'quantiles'),
  ],
};

/** Quantiles of the channels of an item together: of any number, or of these. */
export function jointGraph(variates: number | 'variates' = 'variates'): Graph {
  return {
    inputs: [port('past_values', variates, TINY_CONTEXT), port('past_observed_mask', variates, TINY_CONTEXT), seasons],
    outputs: [port('quantiles', variates, TINY_STEPS, LEVELS)],
    elements: [
      floats('picks_last', [TINY_CONTEXT, 1], lastPoint),
      floats('share', [1], [TINY_SHARE]),
      floats('offsets', [1, 1, OFFSETS.length], OFFSETS),
      longs('shape', [0, 0, TINY_STEPS, LEVELS]),
      node('MatMul', ['past_values', 'picks_last'], 'last'),
      node('ReduceMean', ['last'], 'mean', { axes: [1] }),
      node('Mul', ['mean', 'share'], 'shared'),
      node('Add', ['last', 'shared'], 'centre'),
      node('Add', ['centre', 'offsets'], 'flat'),
      node('Reshape', ['flat', 'shape'], 'quantiles'),
    ],
  };
}

/** Points in the layout of an official checkpoint: [batch, points, channels]. */
export function pointsGraph(names: {
  values: string;
  mask?: string;
  marks?: string;
  frequencyToken?: boolean;
  output: string;
  channels: number | 'channels' | 'variates';
}): Graph {
  const { values, mask, marks, frequencyToken, output, channels } = names;
  const joint = channels !== 'channels';
  return {
    inputs: [
      port(values, TINY_CONTEXT, channels),
      ...(mask === undefined ? [] : [port(mask, TINY_CONTEXT, channels)]),
      ...(marks === undefined ? [] : [port(marks, TINY_CONTEXT, 'marks')]),
      ...(frequencyToken ? [{ name: 'freq_token', dtype: 'int64' as const, shape: ['batch'] }] : []),
    ],
    outputs: [port(output, TINY_STEPS, channels)],
    elements: [
      longs('last_place', [TINY_CONTEXT - 1]),
      floats('ones', [1, TINY_STEPS, 1], Array<number>(TINY_STEPS).fill(1)),
      floats('share', [1], [joint ? TINY_SHARE : 0]),
      node('Gather', [values, 'last_place'], 'last', { axis: 1 }),
      node('ReduceMean', ['last'], 'mean', { axes: [2] }),
      node('Mul', ['mean', 'share'], 'shared'),
      node('Add', ['last', 'shared'], 'centre'),
      node('Mul', ['centre', 'ones'], output),
    ],
  };
}

/** A decoder step with a cache, of one layer and one head of size 2. */
export const decoderGraph: Graph = {
  inputs: [
    port('input_values', 'points'),
    port('attention_mask', 'points'),
    port('past_mask', 'past'),
    port('past_key_values', 1, 2, 1, 'past', 2),
  ],
  outputs: [
    ...TINY_HEADS.map((steps) => port(`head_${steps}_last`, steps)),
    port('present_mask', 'present'),
    port('present_key_values', 1, 2, 1, 'present', 2),
  ],
  elements: [
    longs('from', [-1]),
    longs('to', [2 ** 31]),
    longs('points_axis', [1]),
    longs('new_axes', [1, 2, 3, 5]),
    floats('cache_ones', [1, 1, 2, 1, 1, 2], [1, 1, 1, 1]),
    node('Slice', ['input_values', 'from', 'to', 'points_axis'], 'last'),
    ...TINY_HEADS.flatMap((steps) => [
      floats(`ones_${steps}`, [1, steps], Array<number>(steps).fill(1)),
      node('MatMul', ['last', `ones_${steps}`], `head_${steps}_last`),
    ]),
    node('Concat', ['past_mask', 'attention_mask'], 'present_mask', { axis: 1 }),
    node('Unsqueeze', ['input_values', 'new_axes'], 'keys'),
    node('Mul', ['keys', 'cache_ones'], 'new_keys'),
    node('Concat', ['past_key_values', 'new_keys'], 'present_key_values', { axis: 4 }),
  ],
};

/** Writes the package `<folder>/<name>/`; `manifest` replaces what its manifest says. */
export function writePackage(
  folder: string,
  name: string,
  { inputs, outputs, elements }: Graph,
  manifest: Readonly<Record<string, unknown>> = {},
): void {
  const home = join(folder, name);
  mkdirSync(home, { recursive: true });
  const zeros = ({ dtype, shape }: Port) => {
    const dims = shape.map((size) => (typeof size === 'number' ? size : 1));
    return { dtype, dims, data: Array<number>(dims.reduce((size, dim) => size * dim, 1)).fill(0) };
  };
  // What zeros give is known without computing: nothing, or the offsets.
  const [first] = outputs as [Port];
  const answer = zeros(first);
  const data = answer.data.map((_, i) => (first.name === 'quantiles' ? OFFSETS[i % OFFSETS.length]! : 0));
  const golden = {
    tolerance: { absolute: 1e-5, relative: 1e-5 },
    cases: [
      {
        name: 'zeros',
        inputs: Object.fromEntries(inputs.map((input) => [input.name, zeros(input)])),
        outputs: { [first.name]: { ...answer, data } },
      },
    ],
  };
  const files = {
    'model.onnx': onnxModel(inputs, outputs, elements),
    'golden.json': Buffer.from(JSON.stringify(golden)),
  };
  for (const [file, bytes] of Object.entries(files)) writeFileSync(join(home, file), bytes);
  const stated = {
    schemaVersion: 1,
    name,
    family: name.split('/')[0],
    version: '1.0.0',
    contextLength: TINY_CONTEXT,
    predictionLength: TINY_STEPS,
    channelPolicy: 'independent',
    levels: CANONICAL_LEVELS,
    minContext: 8,
    inputs,
    outputs,
    opset: 13,
    files: Object.fromEntries(Object.entries(files).map(([file, bytes]) => [file, entry(bytes)])),
    parameters: 1,
    licence: 'Apache-2.0',
    ...manifest,
  };
  writeFileSync(join(home, 'manifest.json'), JSON.stringify(stated));
}

/** One package of every signature that is served; their names. */
export function writeEveryPackage(folder: string): string[] {
  const official = { values: 'past_values', output: 'prediction_outputs' };
  const points = { levels: [0.5], minContext: TINY_CONTEXT };
  const packages: Record<string, [Graph, Record<string, unknown>?]> = {
    'ttm/tiny': [seriesGraph],
    'ttm/official': [pointsGraph({ ...official, mask: 'past_observed_mask', channels: 'channels' }), points],
    'ttm/resolution': [
      pointsGraph({ ...official, mask: 'past_observed_mask', frequencyToken: true, channels: 'channels' }),
      points,
    ],
    'tsmixer/tiny': [seriesGraph],
    'tsmixer/aligned': [jointGraph(), { channelPolicy: 'aligned' }],
    'patchtsmixer/official': [pointsGraph({ ...official, mask: 'observed_mask', channels: 'channels' }), points],
    's-mamba/tiny': [jointGraph(), { channelPolicy: 'aligned' }],
    's-mamba/pump': [jointGraph(3), { channelPolicy: 'mixing', channels: ['temp', 'flow', 'absent'] }],
    's-mamba/official': [
      pointsGraph({ values: 'x_enc', marks: 'x_mark_enc', output: 'y', channels: 'variates' }),
      { ...points, channelPolicy: 'mixing' },
    ],
    'time-moe/tiny': [seriesGraph],
    'time-moe/official': [decoderGraph, { ...points, contextLength: 256, predictionLength: TINY_HEADS.at(-1) }],
  };
  for (const [name, [graph, manifest]] of Object.entries(packages)) writePackage(folder, name, graph, manifest);
  return Object.keys(packages);
}

function entry(bytes: Uint8Array): { sha256: string; bytes: number } {
  return { sha256: createHash('sha256').update(bytes).digest('hex'), bytes: bytes.length };
}
