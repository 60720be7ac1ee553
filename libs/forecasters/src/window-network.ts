import type { LoadedModel, Tensors } from '@app/inference';
import { PlatformError } from '@app/observability';
import { CANONICAL_LEVELS, type Frequency } from '@app/series';
import type { Batch, Network } from './network.js';
import type { Signature } from './signature.js';

/** Channels of one run of a network of some milliseconds a channel. */
const CHANNELS = 64;
/** Earlier forecasts around whose errors intervals are made. */
const BACKTESTS = 8;

type WindowSignature = Exclude<Signature, { kind: 'decoder' }>;

/**
 * A package that answers a window of fixed length with a block of fixed length.
 *
 * @param frequencyToken what a package that wants to be told the spacing is told.
 */
export function windowNetwork(
  model: LoadedModel,
  signature: WindowSignature,
  frequencyToken: (freq: Frequency) => number = () => 0,
): Network {
  const { contextLength, predictionLength } = model.manifest;
  const points = signature.kind === 'points';
  return {
    gives: points ? 'points' : 'quantiles',
    predictionLength,
    anyHorizon: false,
    together: signature.together,
    readsMask: !points || signature.mask !== undefined,
    backtests: BACKTESTS,
    contextLength: () => contextLength,
    channelsAtOnce: () => CHANNELS,
    async run(batch) {
      const inputs = points ? pointInputs(signature, batch, frequencyToken) : quantileInputs(signature, batch);
      const name = points ? signature.output : 'quantiles';
      const output = (await model.run(inputs))[name];
      const size = batch.rows * batch.variates * predictionLength * (points ? 1 : CANONICAL_LEVELS.length);
      if (output?.dtype !== 'float32' || output.data.length !== size) {
        const message = `${model.name} gave no ${name} of ${size} numbers`;
        throw new PlatformError('INFERENCE_FAILED', message, { model: model.name });
      }
      // Official checkpoints have their channels last, we have them first.
      return points ? transpose(output.data, batch.rows, predictionLength, batch.variates) : output.data;
    },
  };
}

function quantileInputs({ together }: { together?: unknown }, batch: Batch): Tensors {
  const { rows, variates, length, values, mask, candidates } = batch;
  const dims = together === undefined ? [rows, length] : [rows, variates, length];
  const seasons = BigInt64Array.from(candidates.flat(), BigInt);
  return {
    past_values: { dtype: 'float32', dims, data: values },
    past_observed_mask: { dtype: 'float32', dims, data: mask },
    season_candidates: { dtype: 'int64', dims: [rows, seasons.length / rows], data: seasons },
  };
}

function pointInputs(
  { values, mask, marks, frequencyToken }: Extract<Signature, { kind: 'points' }>,
  { rows, variates, length, ...batch }: Batch,
  tokenOf: (freq: Frequency) => number,
): Tensors {
  const window = (data: Float32Array) => ({
    dtype: 'float32' as const,
    dims: [rows, length, variates],
    data: transpose(data, rows, variates, length),
  });
  const tokens = BigInt64Array.from(batch.freqs, (freq) => BigInt(tokenOf(freq)));
  return {
    [values]: window(batch.values),
    ...(mask === undefined ? {} : { [mask]: window(batch.mask) }),
    ...(marks === undefined
      ? {}
      : { [marks]: { dtype: 'float32', dims: [rows, length, 0], data: new Float32Array() } }),
    ...(frequencyToken ? { freq_token: { dtype: 'int64', dims: [rows], data: tokens } } : {}),
  };
}

/** [rows, first, second] to [rows, second, first]. */
function transpose(data: Float32Array, rows: number, first: number, second: number): Float32Array {
  if (first === 1 || second === 1) return data;
  const result = new Float32Array(data.length);
  for (let row = 0; row < rows; row++) {
    const start = row * first * second;
    for (let i = 0; i < first; i++) {
      for (let j = 0; j < second; j++) result[start + j * first + i] = data[start + i * second + j]!;
    }
  }
  return result;
}
