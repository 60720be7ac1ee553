import type { LoadedModel, ModelManifest, ModelStatus, RefusedModel } from '@app/inference';
import type { BaselineName } from './best-baseline.js';
import type { ModelDescription } from './forecaster.js';

/** A package: what serves, what was refused, or what serves although newer files were refused. */
export function describePackage({ loaded, refused, resident, bytes }: ModelStatus): ModelDescription {
  if (!loaded) return describeRefused(refused!);
  return {
    ...describeLoaded(loaded),
    state: resident ? 'ready' : 'unloaded',
    ...(bytes === undefined ? {} : { bytes }),
    ...(refused === undefined ? {} : { refusedUpdate: { code: refused.code, reason: refused.reason } }),
  };
}

function describeLoaded({ name, manifest, provider, providerFallback }: LoadedModel): ModelDescription {
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

/** With what the manifest says where that could be read. */
function describeRefused({ name, code, reason, manifest }: RefusedModel): ModelDescription {
  const family = manifest?.family ?? name.split('/')[0]!;
  return { name, family, kind: 'neural', state: 'refused', code, reason, ...(manifest ? factsOf(manifest) : {}) };
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
