import type { LoadedModel } from '@app/inference';
import { NetworkForecaster } from './network-forecaster.js';
import { jointQuantiles, officialPoints, readSignature } from './signature.js';
import { windowNetwork } from './window-network.js';

/** Time features would be further tokens of the scan; no checkpoint says which it was trained with, so it gets none. */
const OFFICIAL = { values: 'x_enc', marks: 'x_mark_enc', output: 'y' };

/**
 * S-Mamba (arXiv 2403.11144): the channels of an item together, in the order of their names or of the package, as the scan
 * over channels depends on it. Ours with quantiles, or a checkpoint of the official code.
 *
 * @throws PlatformError MODEL_INVALID when the package has other tensors, levels or channels than this family.
 */
export function sMambaForecaster(model: LoadedModel): NetworkForecaster {
  const { manifest } = model;
  const layouts = [jointQuantiles(manifest), officialPoints(manifest, OFFICIAL)];
  return new NetworkForecaster(model, windowNetwork(model, readSignature(model, layouts)));
}
