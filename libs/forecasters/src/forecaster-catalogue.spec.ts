import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@app/observability';
import { BASELINES } from './best-baseline.js';
import { aWindow, gaussian, series } from './fixtures/series.js';
import { MODELS, shippedPackages } from './fixtures/shipped.js';
import { ForecasterCatalogue, type CatalogueOptions } from './forecaster-catalogue.js';

const PACKAGE = join(MODELS, 'ttm', 'base');
const shipped = shippedPackages();

const open = (env: Partial<CatalogueOptions['env']> = {}) =>
  ForecasterCatalogue.load({
    env: { MODELS_DIR: MODELS, PROVIDER: 'cpu', PROVIDER_STRICT: false, INFERENCE_THREADS: 1, ...env },
    logger: silentLogger(),
  });

describe('ForecasterCatalogue', () => {
  let catalogue: ForecasterCatalogue;
  const noise = gaussian(4);
  const daily = aWindow(
    series(512, (t) => 10 * Math.sin((2 * Math.PI * t) / 24) + noise()),
    { season: 24 },
  );

  beforeAll(async () => {
    catalogue = await open();
  }, 60_000);
  afterAll(() => catalogue.close());

  it('describes every model', () => {
    const descriptions = catalogue.describe();
    expect(descriptions.map(({ name }) => name)).toEqual([...shipped, ...BASELINES]);
    const manifest = JSON.parse(readFileSync(join(PACKAGE, 'manifest.json'), 'utf8')) as Record<string, unknown>;
    expect(descriptions.find(({ name }) => name === 'ttm/base')).toEqual({
      name: 'ttm/base',
      family: 'ttm',
      kind: 'neural',
      state: 'ready',
      provider: 'cpu',
      version: manifest.version,
      sha256: (manifest.files as Record<string, { sha256: string }>)['model.onnx']!.sha256,
      contextLength: 512,
      predictionLength: 96,
      channelPolicy: 'independent',
      minContext: manifest.minContext,
      licence: 'Apache-2.0',
      parameters: manifest.parameters,
      metrics: manifest.metrics,
      bytes: expect.any(Number),
    });
  });

  it('knows the family of a package as its alias', () => {
    expect(catalogue.resolve('ttm')).toBe(catalogue.resolve('ttm/base'));
  });

  it('names what there is when asked for what there is not', () => {
    expect(() => catalogue.resolve('prophet')).toThrow(
      /^there is no model "prophet"; there are auto, .*ttm\/base.*, seasonal-naive, drift, ets, mstl$/,
    );
  });

  it('forecasts the golden window of its package to the golden numbers', async () => {
    const golden = JSON.parse(readFileSync(join(PACKAGE, 'golden.json'), 'utf8')) as Golden;
    // An hourly case, as its candidates are the ones that the spacing of the window gives.
    const match = golden.cases.find(
      ({ inputs }) =>
        inputs.season_candidates.data.join() === '24,168,0,0' && inputs.past_values.data.some((value) => value > 1),
    );
    const { inputs, outputs } = match!;
    const target = inputs.past_values.data.map((value, i) => (inputs.past_observed_mask.data[i] ? value : Number.NaN));
    const [forecast] = await catalogue.resolve('ttm').forecast([aWindow(target, { season: 24 })], 96);
    // What is standardised already is standardised once more, in the last digits.
    const far = outputs.quantiles.data.filter(
      (expected, i) => !(Math.abs(forecast!.quantiles[i]! - expected) < 1e-3 + 2e-3 * Math.abs(expected)),
    );
    expect(far).toEqual([]);
  });

  it.each(['auto', 'ttm', 'seasonal-naive', 'best'])(
    '%s gives a window the same numbers alone and among others',
    async (model) => {
      const forecaster = catalogue.resolve(model === 'best' ? 'mstl' : model);
      const windows = Array.from({ length: 70 }, (_, i) =>
        aWindow(
          series(30 + 5 * i, (t) => Math.sin(t) * i),
          { season: 24 },
        ),
      );
      const together = await forecaster.forecast(windows, 12);
      for (const i of [0, 40, 69]) {
        const [alone] = await forecaster.forecast([windows[i]!], 12);
        expect(together[i]!.model).toBe(alone!.model);
        // Rows of a matrix product may be summed in another order.
        const far = together[i]!.quantiles.filter(
          (value, j) => !(Math.abs(value - alone!.quantiles[j]!) < 1e-4 * (1 + Math.abs(value))),
        );
        expect([...far]).toEqual([]);
      }
    },
  );

  it('answers from the first point on, and says how it chose', async () => {
    const auto = catalogue.resolve('auto');
    for (const length of [1, 2, 3, 5, 8, 13, 40]) {
      const [forecast] = await auto.forecast([aWindow(daily.target.subarray(0, length), { season: 24 })], 12);
      expect(forecast!.parts.observed).toBe(length);
      expect(forecast!.model in (forecast!.parts.chosen as object)).toBe(true);
    }
    const [first] = await auto.forecast([aWindow([3])], 12);
    expect(first).toMatchObject({ model: 'seasonal-naive', status: 'short-context', provider: 'js' });
  });

  it('keeps the event loop going while it fits and runs', async () => {
    let ticks = 0;
    const timer = setInterval(() => ticks++, 2);
    await Promise.all([
      catalogue.resolve('mstl').forecast(
        Array.from({ length: 12 }, () => daily),
        96,
      ),
      catalogue.resolve('ttm').forecast(
        Array.from({ length: 200 }, () => daily),
        96,
      ),
    ]);
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(10);
  });

  it('serves baselines when the package was changed, and says so everywhere', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tidecast-catalogue-'));
    cpSync(PACKAGE, join(folder, 'ttm', 'base'), { recursive: true });
    appendFileSync(join(folder, 'ttm', 'base', 'model.onnx'), 'x');
    const spoilt = await open({ MODELS_DIR: folder });
    try {
      expect(spoilt.describe()[0]).toMatchObject({
        name: 'ttm/base',
        state: 'refused',
        code: 'MODEL_FILE_CHANGED',
        reason: expect.stringContaining('sha256'),
      });
      expect(() => spoilt.resolve('ttm')).toThrow(/^model "ttm" is refused: .*sha256/);
      const [forecast] = await spoilt.resolve('auto').forecast([daily], 3);
      expect(BASELINES).toContain(forecast!.model);
      expect(forecast!.parts.chosen).toMatchObject({ 'ttm/base': expect.stringContaining('sha256') });
    } finally {
      await spoilt.close();
      rmSync(folder, { recursive: true });
    }
  });

  it('serves baselines without any package', async () => {
    const bare = await open({ MODELS_DIR: '/nowhere' });
    const [forecast] = await bare.resolve('auto').forecast([daily], 3);
    expect(forecast!.parts.chosen).toMatchObject({ 'ttm/base': 'not in /nowhere' });
    await bare.close();
  });

  it('refuses what comes after close', async () => {
    const closed = await open({ MODELS_DIR: '/nowhere' });
    await closed.close();
    await expect(closed.resolve('drift').forecast([daily], 1)).rejects.toThrow('shutting down');
  });
});

interface Golden {
  cases: {
    inputs: Record<'past_values' | 'past_observed_mask' | 'season_candidates', { data: number[] }>;
    outputs: { quantiles: { data: number[] } };
  }[];
}
