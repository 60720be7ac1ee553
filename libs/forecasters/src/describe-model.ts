import type { LoadedModel, ModelManifest, RefusedModel } from '@app/inference';
import type { BaselineName } from './best-baseline.js';
import type { ModelDescription } from './forecaster.js';

/** A package that serves. */
export function describeLoaded({ name, manifest, provider, providerFallback }: LoadedModel): ModelDescription {
  return {
    name,
    family: manifest.family,
    kind: 'neural',
    state: 'ready',
    provider,
    ...(providerFallback === undefined ? {} : { providerFallback }),
    ...factsOf(manifest),
  };
}

/** A package that does not serve, with what its manifest says where that could be read. */
export function describeRefused({ name, reason, manifest }: RefusedModel): ModelDescription {
  const family = manifest?.family ?? name.split('/')[0]!;
  return { name, family, kind: 'neural', state: 'refused', reason, ...(manifest ? factsOf(manifest) : {}) };
}

/** A baseline, which is always there. */
export function describeBaseline(name: BaselineName): ModelDescription {
  return { name, family: name, kind: 'baseline', state: 'ready', provider: 'js' };
}

function factsOf(manifest: ModelManifest) {
  const { version, files, contextLength, predictionLength, channelPolicy, minContext, licence, parameters } = manifest;
  const { channels, metrics } = manifest;
  return {
    version,
    sha256: files['model.onnx'].sha256,
    contextLength,
    predictionLength,
    channelPolicy,
    ...(channels === undefined ? {} : { channels }),
    minContext,
    licence,
    parameters,
    ...(metrics === undefined ? {} : { metrics }),
  };
}
