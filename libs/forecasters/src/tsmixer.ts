import type { LoadedModel } from '@app/inference';
import { NetworkForecaster } from './network-forecaster.js';
import { jointQuantiles, officialPoints, readSignature, seriesQuantiles } from './signature.js';
import { windowNetwork } from './window-network.js';

const OFFICIAL = { values: 'past_values', mask: 'observed_mask', output: 'prediction_outputs' };

/**
 * PatchTSMixer (arXiv 2306.09364): ours with quantiles, each channel on its own or the channels of an item together; or an
 * official checkpoint.
 *
 * @throws PlatformError MODEL_INVALID when the package has other tensors, levels or channels than this family.
 */
export function tsMixerForecaster(model: LoadedModel): NetworkForecaster {
  const { manifest } = model;
  const layouts = [seriesQuantiles(manifest), jointQuantiles(manifest), officialPoints(manifest, OFFICIAL)];
  return new NetworkForecaster(model, windowNetwork(model, readSignature(model, layouts)));
}
