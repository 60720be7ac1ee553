import type { LoadedModel } from '@app/inference';
import type { Frequency } from '@app/series';
import { NetworkForecaster } from './network-forecaster.js';
import { officialPoints, readSignature, seriesQuantiles } from './signature.js';
import { windowNetwork } from './window-network.js';

/** Tokens of the spacings that resolution prefixes were trained on; 0 stands for all others. */
const FREQUENCY_TOKENS = ['', 'PT1M', 'PT2M', 'PT5M', 'PT10M', 'PT15M', 'PT30M', 'PT1H', 'P1D', 'P1W'];

const OFFICIAL = { values: 'past_values', mask: 'past_observed_mask', output: 'prediction_outputs' };

/**
 * TinyTimeMixer (arXiv 2401.03955): ours with quantiles, or an official checkpoint.
 *
 * @throws PlatformError MODEL_INVALID when the package has other tensors, levels or channels than this family.
 */
export function ttmForecaster(model: LoadedModel): NetworkForecaster {
  const { manifest } = model;
  const signature = readSignature(model, [
    seriesQuantiles(manifest),
    officialPoints(manifest, OFFICIAL),
    officialPoints(manifest, { ...OFFICIAL, frequencyToken: 'freq_token' }),
  ]);
  const tokens = Number(manifest.architecture?.['frequency_token_vocab_size'] ?? FREQUENCY_TOKENS.length);
  return new NetworkForecaster(
    model,
    windowNetwork(model, signature, (freq) => frequencyToken(freq, tokens)),
  );
}

/** @param tokens how many the package knows. */
function frequencyToken(freq: Frequency, tokens: number): number {
  const token = FREQUENCY_TOKENS.indexOf(freq.toString());
  return token > 0 && token < tokens ? token : 0;
}
