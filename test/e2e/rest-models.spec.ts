import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkGpu } from '@app/inference';
import { jest } from '@jest/globals';
import { storeSeries } from '../../apps/forecaster/test/stored-series.js';
import { writeTinyPackage } from '../../libs/inference/src/fixtures/tiny-model.js';
import { eventually, TidecastProcess } from '../support/processes.js';
import { useRestProcess, type Json } from '../support/rest-process.js';

jest.setTimeout(60_000);

const folder = mkdtempSync(join(tmpdir(), 'tidecast-rest-models-'));
writeTinyPackage(folder, 'base');
afterAll(() => rmSync(folder, { recursive: true }));

describe('model packages over REST', () => {
  const rest = useRestProcess(undefined, { env: { MODELS_DIR: folder, MODELS_RESCAN_SECONDS: '1', PROVIDER: 'cpu' } });
  const model = async (name: string) => {
    const { body } = await rest().get<{ models: Json[] }>('/models');
    return body.models.find((one) => one.name === name);
  };
  const forecast = () =>
    rest().post<{ forecasts: Json[] }>('/forecasts', {
      series: [
        {
          item_id: 'a',
          freq: 'PT1H',
          start: '2026-01-01T00:00:00Z',
          target: Array.from({ length: 64 }, (_, i) => i % 7),
        },
      ],
      horizon: 3,
      model: 'ttm',
    });

  it('are unloaded, come back with the next forecast, and are loaded again', async () => {
    const unloaded = await rest().post('/models/ttm/base/unload', {});
    expect(unloaded).toMatchObject({ status: 200, body: { name: 'ttm/base', state: 'unloaded', provider: 'cpu' } });
    expect(await forecast()).toMatchObject({ status: 200, body: { forecasts: [{ model: 'ttm/base' }] } });
    expect(await model('ttm/base')).toMatchObject({ state: 'ready', memory_bytes: expect.any(Number) });
    await rest().post('/models/ttm/base/unload', {});
    expect(await rest().post('/models/ttm/base/load', {})).toMatchObject({ status: 200, body: { state: 'ready' } });
  });

  it('are taken in when they appear, and refused with a code when they are bad, while the old ones serve', async () => {
    writeTinyPackage(folder, 'late');
    await eventually(async () => (await model('ttm/late'))?.state === 'ready', 30_000);

    writeTinyPackage(folder, 'base', { goldenShift: 1, change: (manifest) => ({ ...manifest, version: '2.0.0' }) });
    const refused = { state: 'ready', version: '1.0.0', refused_update: { code: 'MODEL_GOLDEN_MISMATCH' } };
    await eventually(async () => {
      expect(await model('ttm/base')).toMatchObject(refused);
      return true;
    }, 30_000);
    expect(await forecast()).toMatchObject({ status: 200 });

    const { body } = await eventually(async () => {
      const history = await rest().get<{ events: Json[] }>('/models/ttm/base/history');
      return history.body.events[0]?.state === 'refused' && history;
    });
    expect(body.events[0]).toMatchObject({ state: 'refused', version: '2.0.0', code: 'MODEL_GOLDEN_MISMATCH' });
    expect(body.events.map(({ state }) => state)).toEqual(expect.arrayContaining(['ready', 'unloaded', 'refused']));
  });

  it('say what is wrong with one that is asked to be loaded', async () => {
    writeTinyPackage(folder, 'wrong', { change: (manifest) => ({ ...manifest, predictionLength: 0 }) });
    expect(await rest().post('/models/ttm/wrong/load', {})).toMatchObject({
      status: 500,
      body: { code: 'MODEL_INVALID', detail: expect.stringContaining('predictionLength') },
    });
  });

  it('are looked for when asked to', async () => {
    rmSync(join(folder, 'ttm', 'late'), { recursive: true, force: true });
    const { body } = await rest().post<{ models: Json[] }>('/models/scan', {});
    expect(body.models.map(({ name }) => name)).not.toContain('ttm/late');
  });

  it.each([
    ['POST', '/models/ttm/none/load'],
    ['POST', '/models/ttm/none/unload'],
    ['GET', '/models/ttm/none/history'],
  ])('answer %s %s with MODEL_NOT_FOUND', async (method, path) => {
    expect(await rest().call(method, path)).toMatchObject({ status: 404, body: { code: 'MODEL_NOT_FOUND' } });
  });
});

/** A fall-back needs a provider that can't be had; where there is CUDA it would be no fall-back. */
const describeWithoutCuda = checkGpu().some(({ found }) => found === undefined) ? describe : describe.skip;

describeWithoutCuda('a provider that can not be had (skipped where there is CUDA)', () => {
  const models = mkdtempSync(join(tmpdir(), 'tidecast-fallback-'));
  writeTinyPackage(models, 'base');
  afterAll(() => rmSync(models, { recursive: true }));
  const rest = useRestProcess(
    async ({ dataSource }) => {
      const points = Array.from({ length: 64 }, (_, i) => [i * 3_600_000, i % 7] as const);
      await storeSeries(dataSource, { itemId: 'pump', freq: 'PT1H', points });
    },
    { env: { MODELS_DIR: models, PROVIDER: 'cuda' } },
  );

  it('is a state that is shown: by GET /models, the metrics, and each forecast that was made with the model', async () => {
    const { body } = await rest().get<{ models: Json[] }>('/models');
    const reason = expect.stringMatching(/^cuda: /);
    expect(body.models[0]).toMatchObject({ name: 'ttm/base', provider: 'cpu', provider_fallback: reason });
    const metrics = await (await fetch(`${rest().url}/metrics`)).text();
    expect(metrics).toContain('tidecast_model_provider{model="ttm/base",provider="cpu",fallback="true"} 1');
    for (const model of ['ttm', 'auto']) {
      const made = await rest().post<{ forecasts: Json[] }>('/forecasts', { item_id: 'pump', horizon: 3, model });
      const rows = await rest().dataSource.query<Json[]>(
        'SELECT provider, parts FROM forecasts WHERE forecast_id = $1',
        [made.body.forecasts[0]!.forecast_id],
      );
      expect(rows[0]).toMatchObject({
        provider: expect.stringContaining('cpu'),
        parts: { providerFallback: { 'ttm/base': reason } },
      });
    }
  });

  it('refuses the start under PROVIDER_STRICT, naming model and reason', async () => {
    const data = mkdtempSync(join(tmpdir(), 'tidecast-strict-'));
    chmodSync(data, 0o755);
    const started = await TidecastProcess.spawn({
      env: { DATA_DIR: join(data, 'data'), MODELS_DIR: models, PROVIDER: 'cuda', PROVIDER_STRICT: 'true' },
    });
    try {
      expect(await started.exited()).toBe(1);
      expect(started.stderr).toMatch(/model ttm\/base can't run on PROVIDER=cuda \(cuda: .*PROVIDER_STRICT is set/);
    } finally {
      await started.stop();
      rmSync(data, { recursive: true, force: true });
    }
  });
});
