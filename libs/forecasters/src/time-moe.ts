import type { LoadedModel } from '@app/inference';
import { decodeGreedily } from './greedy-decoding.js';
import { NetworkForecaster } from './network-forecaster.js';
import type { Network } from './network.js';
import { cachedDecoder, readSignature, seriesQuantiles, type Signature } from './signature.js';
import { windowNetwork } from './window-network.js';

/** Bytes of keys and values that one call of the decoder may keep: every point of every row has its own in every layer. */
const CACHE_BYTES = 32 * 2 ** 20;
/** What of a step the next one gets, without leaving the worker. */
const CACHE = { present_mask: 'past_mask', present_key_values: 'past_key_values' };
const WINDOW_POINTS = 512;
/** Each costs as much as the forecast itself, and a decoder of the published size takes seconds. */
const BACKTESTS = 3;

/**
 * Time-MoE (arXiv 2409.16040): ours with quantiles, or an official checkpoint, which forecasts points by greedy decoding.
 *
 * @throws PlatformError MODEL_INVALID when the package has other tensors or levels than this family.
 */
export function timeMoeForecaster(model: LoadedModel): NetworkForecaster {
  const { manifest } = model;
  const signature = readSignature(model, [seriesQuantiles(manifest), cachedDecoder(manifest)]);
  const network = signature.kind === 'decoder' ? decoderNetwork(model, signature) : windowNetwork(model, signature);
  return new NetworkForecaster(model, network);
}

function decoderNetwork(model: LoadedModel, signature: Extract<Signature, { kind: 'decoder' }>): Network {
  const { horizons, layers, heads, headSize } = signature;
  const { contextLength } = model.manifest;
  const bytesOfPoint = 2 * layers * heads * headSize * Float32Array.BYTES_PER_ELEMENT;
  return {
    gives: 'points',
    predictionLength: horizons.at(-1)!,
    anyHorizon: true,
    readsMask: false,
    backtests: BACKTESTS,
    // What is decoded takes its place among the positions that the network knows, at most half of them.
    contextLength: (longest, steps) => Math.min(longest, Math.max(contextLength - steps, Math.ceil(contextLength / 2))),
    channelsAtOnce: (steps) => Math.max(1, Math.floor(CACHE_BYTES / (bytesOfPoint * (WINDOW_POINTS + steps)))),
    async run({ rows, length, values, mask }, steps) {
      const dims = [rows, length];
      const kept = { outputs: CACHE, bytes: rows * bytesOfPoint * (length + steps) };
      const { forecast } = await model.keeping(kept, (step) =>
        decodeGreedily(
          step,
          { dtype: 'float32', dims, data: values },
          { dtype: 'float32', dims, data: mask },
          steps,
          horizons,
          { layers, heads, headSize },
        ),
      );
      return forecast.data;
    },
  };
}
