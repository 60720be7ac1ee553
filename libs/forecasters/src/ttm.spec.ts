import { CANONICAL_LEVELS, fitScaler, normalQuantile } from '@app/series';
import { aModel } from './fixtures/fake-model.js';
import { aWindow, awkwardSeries, series } from './fixtures/series.js';
import { ttmForecaster } from './ttm.js';

const WIDTH = CANONICAL_LEVELS.length;
const sine = series(600, (t) => 50 + 10 * Math.sin((2 * Math.PI * t) / 24));

describe('ttmForecaster', () => {
  it('puts the answer of the network back into the units of the series', async () => {
    const [forecast] = await ttmForecaster(aModel()).forecast([aWindow(sine)], 3);
    const { loc, scale } = fitScaler(sine.subarray(88));
    const last = Math.fround((sine[599]! - loc) / scale);
    CANONICAL_LEVELS.forEach((level, i) => {
      const expected = loc + scale * Math.fround(last + 0.1 * Math.sqrt(3) * normalQuantile(level));
      expect(forecast!.quantiles[2 * WIDTH + i]).toBeCloseTo(expected, 9);
    });
    expect(forecast!.mean).toHaveLength(3);
  });

  it('says what made the forecast, from what and where', async () => {
    const window = aWindow(sine, { season: 24 });
    const [forecast] = await ttmForecaster(aModel()).forecast([window], 1);
    expect(forecast).toMatchObject({
      itemId: 'pump-7',
      channel: 'flow',
      model: 'ttm/fake',
      modelSha256: 'ab'.repeat(32),
      provider: 'cpu',
      cutoff: window.cutoff,
      status: 'ok',
      parts: { contextPoints: 512, observed: 600, season: 24, seasonCandidates: [24, 168] },
    });
  });

  it('marks a context shorter than the package wants', async () => {
    const [forecast] = await ttmForecaster(aModel()).forecast([aWindow([1, 2, 3])], 1);
    expect(forecast!.status).toBe('short-context');
  });

  it('gives each window the same numbers alone and among others', async () => {
    const windows = Array.from({ length: 150 }, (_, i) => aWindow(series(40 + 3 * i, (t) => Math.sin(t * i) + i)));
    const ttm = ttmForecaster(aModel());
    const together = await ttm.forecast(windows, 20);
    for (const i of [0, 63, 64, 149]) {
      const [alone] = await ttm.forecast([windows[i]!], 20);
      expect(together[i]).toEqual(alone);
    }
  });

  it('hands the network at most 64 rows at a time', async () => {
    const model = aModel();
    await ttmForecaster(model).forecast(
      Array.from({ length: 130 }, () => aWindow(sine)),
      96,
    );
    expect(model.batches.map((batch) => batch.past_values!.dims[0])).toEqual([64, 64, 2]);
    model.batches.length = 0;
    await ttmForecaster(model).forecast(
      Array.from({ length: 10 }, () => aWindow(sine)),
      97,
    );
    expect(model.batches.map((batch) => batch.past_values!.dims[0])).toEqual([7, 3, 63, 27]);
  });

  it.each([1, 96, 97, 500])('answers a horizon of %i with ascending quantiles that do not shrink', async (horizon) => {
    const [forecast] = await ttmForecaster(aModel()).forecast([aWindow(sine)], horizon);
    const { quantiles, mean } = forecast!;
    expect(mean).toHaveLength(horizon);
    expect(quantiles).toHaveLength(horizon * WIDTH);
    expectAscending(quantiles);
    const width = (step: number) => quantiles[step * WIDTH + 10]! - quantiles[step * WIDTH + 2]!;
    expect(width(horizon - 1)).toBeGreaterThanOrEqual(width(Math.min(horizon, 96) - 1));
  });

  it('refuses to be rolled for ever', async () => {
    const failing = ttmForecaster(aModel()).forecast([aWindow(sine)], 48 * 96 + 1);
    await expect(failing).rejects.toMatchObject({
      code: 'HORIZON_TOO_LONG',
      message: expect.stringContaining('at most 4608 steps'),
    });
  });

  it('refuses a window without any observation, naming it', async () => {
    const failing = ttmForecaster(aModel()).forecast([aWindow(sine), aWindow([Number.NaN])], 1);
    await expect(failing).rejects.toMatchObject({ code: 'NO_OBSERVATIONS', details: { itemId: 'pump-7' } });
  });

  it('keeps the last digits of a counter near 1e12', async () => {
    const [forecast] = await ttmForecaster(aModel(() => 1)).forecast([aWindow(series(512, (t) => 1e12 + t))], 1);
    // Mean 255.5, population deviation √((512² − 1)/12).
    expect(forecast!.quantiles[0]! - 1e12).toBeCloseTo(255.5 + Math.sqrt((512 ** 2 - 1) / 12), 2);
  });

  it.each(Object.entries(awkwardSeries()))('stays finite and ascending on %s', async (_, { target, season }) => {
    const ttm = ttmForecaster(aModel());
    for (const horizon of [1, 100]) {
      const [forecast] = await ttm.forecast([aWindow(target, { season })], horizon);
      expect(forecast!.mean.every(Number.isFinite)).toBe(true);
      expectAscending(forecast!.quantiles);
    }
  });

  it('fails when the network gives something that is not finite', async () => {
    const ttm = ttmForecaster(aModel((_, step) => (step === 50 ? Number.NaN : 0)));
    await expect(ttm.forecast([aWindow(sine)], 1)).rejects.toMatchObject({ code: 'INFERENCE_FAILED' });
  });

  it.each([
    ['other levels', { levels: [0.1, 0.5, 0.9] }, 'levels are 0.1,0.5,0.9'],
    ['another output', { predictionLength: 48 }, 'missing: quantiles float32 48,13'],
    ['channels that mix', { channelPolicy: 'mixing' as const }, 'channelPolicy is mixing'],
  ])('refuses a package with %s', (_, manifest, message) => {
    expect(() => ttmForecaster(aModel(undefined, manifest))).toThrow(message);
  });
});

function expectAscending(quantiles: Float64Array): void {
  for (let i = 0; i < quantiles.length; i++) {
    if (!Number.isFinite(quantiles[i]!) || (i % WIDTH > 0 && quantiles[i]! < quantiles[i - 1]!)) {
      throw new Error(`not ascending or not finite at step ${Math.floor(i / WIDTH) + 1}: ${quantiles[i]}`);
    }
  }
}
