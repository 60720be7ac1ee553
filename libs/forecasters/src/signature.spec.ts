import type { ModelManifest } from '@app/inference';
import { aModel } from './fixtures/fake-model.js';
import { sMambaForecaster } from './s-mamba.js';
import { timeMoeForecaster } from './time-moe.js';
import { tsMixerForecaster } from './tsmixer.js';
import { ttmForecaster } from './ttm.js';

const float = (name: string, ...shape: (string | number)[]) => ({
  name,
  dtype: 'float32' as const,
  shape: ['batch', ...shape],
});
const seasons = { name: 'season_candidates', dtype: 'int64' as const, shape: ['batch', 4] };
const model = (manifest: Partial<ModelManifest>) => aModel(undefined, manifest);
const joint = {
  channelPolicy: 'aligned' as const,
  inputs: [float('past_values', 'variates', 512), float('past_observed_mask', 'variates', 512), seasons],
  outputs: [float('quantiles', 'variates', 96, 13)],
};
const official = (channels: string | number) => ({
  channelPolicy: 'mixing' as const,
  levels: [0.5],
  inputs: [float('past_values', 512, channels), float('past_observed_mask', 512, channels)],
  outputs: [float('prediction_outputs', 96, channels)],
});

describe('the signature of a package', () => {
  it('is that of its tensors', () => {
    expect(sMambaForecaster(model(joint)).together).toEqual({ most: 128 });
    expect(tsMixerForecaster(model({})).together).toBeUndefined();
    expect(tsMixerForecaster(model(joint)).together).toEqual({ most: 128 });
  });

  it('has as many channels together as the graph can take', () => {
    expect(sMambaForecaster(model({ ...joint, architecture: { max_variates: 32 } })).together).toEqual({ most: 32 });
  });

  it('names the channels of a graph that was made for them', () => {
    const channels = ['b', 'a'];
    const fixed = {
      ...joint,
      channels,
      inputs: [float('past_values', 2, 512), float('past_observed_mask', 2, 512), seasons],
      outputs: [float('quantiles', 2, 96, 13)],
    };
    expect(sMambaForecaster(model(fixed)).together).toEqual({ most: 2, names: channels });
    expect(ttmForecaster(model({ ...official(2), channels })).together).toEqual({ most: 2, names: channels });
  });

  it.each([
    ['names no channels', ttmForecaster, official(7), 'made for 7 channels, so its manifest must name them'],
    [
      'wants to be told the future',
      ttmForecaster,
      { ...official('channels'), inputs: [...official('channels').inputs, float('future_values', 96, 'channels')] },
      'serving has nothing to give: future_values float32 96,*',
    ],
    ['is of another family', sMambaForecaster, {}, 'missing: past_values float32 *,512'],
    ['calls its channels independent', sMambaForecaster, { ...joint, channelPolicy: 'independent' }, 'must be aligned'],
    ['has no cache', timeMoeForecaster, { inputs: [float('input_values', 'points')], outputs: [] }, 'missing: '],
    [
      'gives parameters of a distribution',
      tsMixerForecaster,
      {
        ...official('channels'),
        inputs: [float('past_values', 512, 'channels'), float('observed_mask', 512, 'channels')],
        outputs: [float('prediction_outputs_0', 96, 'channels')],
      },
      'missing: prediction_outputs float32 96,*',
    ],
  ])('is refused when it %s', (_, family, manifest, reason) => {
    expect(() => family(model(manifest as Partial<ModelManifest>))).toThrow(reason);
  });
});
