import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { metrics, silentLogger, type ErrorCode } from '@app/observability';
import { fileEntry, tinyInputs, tinyQuantiles, writeTinyPackage } from './fixtures/tiny-model.js';
import { InferenceWorker } from './inference-worker.js';
import {
  ModelRegistry,
  type InferenceEnv,
  type LoadedModel,
  type ModelEvent,
  type RegistryOptions,
} from './model-registry.js';

// Each scan starts a process, which takes a second on a busy machine.
jest.setTimeout(30_000);

describe('ModelRegistry', () => {
  let folder: string;
  let worker: InferenceWorker;
  const load = (env: Partial<InferenceEnv> = {}, options: Partial<RegistryOptions> = {}) =>
    ModelRegistry.load({
      env: { MODELS_DIR: folder, PROVIDER: 'auto', PROVIDER_STRICT: false, INFERENCE_THREADS: 1, ...env },
      worker,
      logger: silentLogger(),
      ...options,
    });
  /** Loads a spoilt package beside a good one, which must serve all the same. */
  const refusal = async (code: ErrorCode = 'MODEL_INVALID'): Promise<string> => {
    const { loaded, refused } = await load();
    expect(loaded.map(({ name }) => name)).toEqual(['ttm/good']);
    expect(refused.map((one) => [one.name, one.code])).toEqual([['ttm/spoilt', code]]);
    return refused[0]!.reason;
  };
  const answer = async (model: LoadedModel) => Number((await model.run(tinyInputs(1))).quantiles!.data[600]);
  const right = tinyQuantiles(tinyInputs(1))[600]!;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tidecast-models-'));
    worker = new InferenceWorker({ logger: silentLogger() });
    writeTinyPackage(folder, 'good');
  });
  afterEach(async () => {
    await worker.close();
    rmSync(folder, { recursive: true });
  });

  it('serves a package under the provider on which its golden numbers were reproduced', async () => {
    const { loaded, refused } = await load();
    expect(refused).toEqual([]);
    const [model] = loaded;
    expect(model).toMatchObject({
      name: 'ttm/good',
      provider: 'cpu',
      sha256: model!.manifest.files['model.onnx'].sha256,
    });
    expect(model).not.toHaveProperty('providerFallback');
    const inputs = tinyInputs(1);
    const { quantiles } = await model!.run(inputs);
    expect(quantiles!.data[600]).toBeCloseTo(tinyQuantiles(inputs)[600]!, 5);
  });

  it('loads each package once at the start, and it is warm in every worker', async () => {
    writeTinyPackage(folder, 'other');
    await worker.close();
    worker = new InferenceWorker({ logger: silentLogger(), workers: 2 });
    const loads = jest.spyOn(worker, 'load');
    const registry = await load();
    expect(loads).toHaveBeenCalledTimes(2);
    expect(registry.status()).toMatchObject([{ resident: true }, { resident: true }]);
    await expect(Promise.all(registry.loaded.map(answer))).resolves.toEqual([
      expect.closeTo(right, 4),
      expect.closeTo(right, 4),
    ]);
    await registry.unload('ttm/good');
    await expect(answer(registry.loaded[0]!)).resolves.toBeCloseTo(right, 4);
    expect(loads).toHaveBeenCalledTimes(3);
  });

  it('finds packages behind links, and no packages in other folders', async () => {
    symlinkSync(join(folder, 'ttm'), join(folder, 'linked'));
    mkdirSync(join(folder, 'forge', 'export'), { recursive: true });
    const { loaded, refused } = await load();
    expect(loaded.map(({ name }) => name)).toEqual(['ttm/good']);
    // The link gives the package another family than its manifest: found, and refused for that.
    expect(refused.map(({ name }) => name)).toEqual(['linked/good']);
  });

  it('finds nothing in a folder that does not exist', async () => {
    await expect(load({ MODELS_DIR: join(folder, 'nowhere') })).resolves.toMatchObject({ loaded: [], refused: [] });
  });

  it('refuses a package with a wrong manifest', async () => {
    writeTinyPackage(folder, 'spoilt', { change: (manifest) => ({ ...manifest, predictionLength: 0 }) });
    await expect(refusal()).resolves.toMatch(/^model package ttm\/spoilt: manifest\.json is wrong: predictionLength/);
  });

  it('refuses a model that is not the one of the manifest', async () => {
    const home = writeTinyPackage(folder, 'spoilt');
    writeFileSync(join(home, 'model.onnx'), 'other bytes');
    await expect(refusal('MODEL_FILE_CHANGED')).resolves.toMatch(
      /^model package ttm\/spoilt: model\.onnx can't be loaded: .*sha256 of/,
    );
  });

  it('refuses golden numbers that are not those of the manifest', async () => {
    const home = writeTinyPackage(folder, 'spoilt');
    writeFileSync(join(home, 'golden.json'), '{}');
    await expect(refusal('MODEL_FILE_CHANGED')).resolves.toMatch(
      /^model package ttm\/spoilt: sha256 of golden\.json is/,
    );
  });

  it('refuses a model that does not reproduce its golden numbers', async () => {
    writeTinyPackage(folder, 'spoilt', { goldenShift: 0.01 });
    await expect(refusal('MODEL_GOLDEN_MISMATCH')).resolves.toMatch(
      /^model package ttm\/spoilt: on cpu: golden case "two rows", output quantiles: got .*, expected .* at 0/,
    );
  });

  it('refuses a file that is no ONNX model', async () => {
    const junk = Buffer.from('junk');
    const home = writeTinyPackage(folder, 'spoilt', {
      change: (manifest) => ({ ...manifest, files: { ...(manifest.files as object), 'model.onnx': fileEntry(junk) } }),
    });
    writeFileSync(join(home, 'model.onnx'), junk);
    await expect(refusal('MODEL_FILE_BROKEN')).resolves.toMatch(
      /^model package ttm\/spoilt: model\.onnx can't be loaded/,
    );
  });

  it('refuses a model without a tensor that its manifest names', async () => {
    const output = { name: 'median', dtype: 'float32', shape: ['batch', 96] };
    writeTinyPackage(folder, 'spoilt', { change: (manifest) => ({ ...manifest, outputs: [output] }) });
    await expect(refusal('MODEL_SHAPE_WRONG')).resolves.toContain('model.onnx lacks what manifest.json names: median');
  });

  it('refuses a package without a model or a manifest', async () => {
    const home = writeTinyPackage(folder, 'spoilt');
    rmSync(join(home, 'manifest.json'));
    await expect(refusal()).resolves.toMatch(/manifest\.json can't be read/);
  });

  it('runs on the provider that is asked for where that is proven, else shows the fall-back or refuses to start', async () => {
    const logger = silentLogger();
    const warnings = jest.spyOn(logger, 'warn');
    const { loaded } = await load({ PROVIDER: 'cuda' }, { logger });
    const shown = await metrics.modelProvider.get();
    const own = shown.values.filter(({ labels }) => labels.model === 'ttm/good');
    const strictly = load({ PROVIDER: 'cuda', PROVIDER_STRICT: true });
    if (loaded[0]!.provider === 'cuda') {
      await expect(strictly).resolves.toMatchObject({ refused: [] });
      return;
    }
    expect(loaded[0]).toMatchObject({ provider: 'cpu', providerFallback: expect.stringMatching(/^cuda: /) });
    expect(warnings).toHaveBeenCalledWith(
      { model: 'ttm/good', reason: loaded[0]!.providerFallback },
      'the model runs on the CPU instead',
    );
    expect(own).toEqual([{ labels: { model: 'ttm/good', provider: 'cpu', fallback: 'true' }, value: 1 }]);
    await expect(strictly).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/^model ttm\/good can't run on PROVIDER=cuda \(cuda: .*PROVIDER_STRICT is set$/),
    });
  });

  it('takes packages of a second folder, which replace those of the same name', async () => {
    const extra = mkdtempSync(join(tmpdir(), 'tidecast-extra-'));
    writeTinyPackage(extra, 'good', { change: (manifest) => ({ ...manifest, version: '9.0.0' }) });
    writeTinyPackage(extra, 'own');
    const { loaded } = await load({ MODELS_EXTRA_DIR: extra });
    expect(loaded.map(({ name, manifest }) => [name, manifest.version])).toEqual([
      ['ttm/good', '9.0.0'],
      ['ttm/own', '1.0.0'],
    ]);
    rmSync(extra, { recursive: true });
  });

  it('takes in, replaces and forgets packages while it serves', async () => {
    const registry = await load();
    const events: ModelEvent[] = [];
    registry.onEvent((event) => events.push(event));
    await registry.scan();
    expect(events).toEqual([]);

    writeTinyPackage(folder, 'late');
    writeTinyPackage(folder, 'good', { shift: 5 });
    await registry.scan();
    expect(registry.loaded.map(({ name }) => name)).toEqual(['ttm/good', 'ttm/late']);
    await expect(answer(registry.loaded[0]!)).resolves.toBeCloseTo(right + 5, 4);

    rmSync(join(folder, 'ttm', 'late'), { recursive: true });
    await registry.scan();
    expect(registry.loaded.map(({ name }) => name)).toEqual(['ttm/good']);
    expect(events.map(({ name, state }) => `${name} ${state}`)).toEqual([
      'ttm/good ready',
      'ttm/late ready',
      'ttm/late removed',
    ]);
  });

  it('serves the old version on when the new one is bad, and says why', async () => {
    const registry = await load();
    writeTinyPackage(folder, 'good', { shift: 5, goldenShift: 1 });
    await registry.scan();
    expect(registry.status()).toMatchObject([
      { loaded: { name: 'ttm/good' }, resident: true, refused: { code: 'MODEL_GOLDEN_MISMATCH' } },
    ]);
    await expect(answer(registry.loaded[0]!)).resolves.toBeCloseTo(right, 4);
    writeTinyPackage(folder, 'good', { shift: 5 });
    await registry.scan();
    expect(registry.refused).toEqual([]);
  });

  it('swaps under load: no request fails, and each gets what one of the versions says', async () => {
    const registry = await load({}, { retireAfterMs: 100 });
    const answers: Promise<number>[] = [];
    let holder = registry.loaded[0]!;
    const asking = setInterval(() => {
      // A forecast of many runs keeps the version that it began with.
      if (answers.length % 20 === 0) holder = registry.loaded[0]!;
      answers.push(answer(holder));
    }, 2);
    for (const shift of [10, 20, 30]) {
      writeTinyPackage(folder, 'good', { shift });
      await registry.scan();
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
    clearInterval(asking);
    const versions = new Set((await Promise.all(answers)).map((value) => Math.round((value - right) * 1000) / 1000));
    expect([...versions]).toEqual([0, 10, 20, 30]);
  });

  it('unloads what was not used for longest, and brings it back when it is asked', async () => {
    writeTinyPackage(folder, 'other');
    // Less than two of them.
    const registry = await load({ MODEL_MEMORY_MB: 1 });
    const [good, other] = registry.loaded;
    const resident = () => registry.status().map((status) => status.resident);
    expect(resident()).toEqual([false, true]);
    await expect(answer(good!)).resolves.toBeCloseTo(right, 4);
    expect(resident()).toEqual([true, false]);
    const events: ModelEvent[] = [];
    registry.onEvent((event) => events.push(event));
    await Promise.all(Array.from({ length: 20 }, (_, i) => answer(i % 2 === 0 ? good! : other!)));
    expect(events.map(({ state }) => state)).toContain('unloaded');
  });

  it('unloads and loads on demand, and knows what there is not', async () => {
    const registry = await load();
    await registry.unload('ttm/good');
    expect(registry.status()).toMatchObject([{ resident: false }]);
    await registry.bring('ttm/good');
    expect(registry.status()).toMatchObject([{ resident: true }]);
    await expect(registry.unload('ttm/none')).rejects.toMatchObject({
      code: 'MODEL_NOT_FOUND',
      message: 'there is no model package "ttm/none"; there are ttm/good',
    });
    writeTinyPackage(folder, 'bad', { goldenShift: 1 });
    await expect(registry.bring('ttm/bad')).rejects.toMatchObject({ code: 'MODEL_GOLDEN_MISMATCH' });
  });

  it('refuses a package that nobody can forecast with', async () => {
    const accept = ({ name }: LoadedModel) => {
      if (name === 'ttm/odd') throw new Error('what is this');
    };
    writeTinyPackage(folder, 'odd');
    const { refused, loaded } = await load({}, { accept });
    expect(refused).toMatchObject([{ name: 'ttm/odd', code: 'MODEL_INVALID', reason: 'what is this' }]);
    expect(loaded).toHaveLength(1);
  });
});
