import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@app/observability';
import { fileEntry, tinyInputs, tinyQuantiles, writeTinyPackage } from './fixtures/tiny-model.js';
import { InferenceWorker } from './inference-worker.js';
import { ModelRegistry, type RegistryOptions } from './model-registry.js';

describe('ModelRegistry', () => {
  let folder: string;
  let worker: InferenceWorker;
  const load = (env: Partial<RegistryOptions['env']> = {}) =>
    ModelRegistry.load({
      env: { MODELS_DIR: folder, PROVIDER: 'auto', PROVIDER_STRICT: false, INFERENCE_THREADS: 1, ...env },
      worker,
      logger: silentLogger(),
    });
  /** Loads a spoilt package beside a good one, which must serve all the same. */
  const refusal = async (): Promise<string> => {
    const { loaded, refused } = await load();
    expect(loaded.map(({ name }) => name)).toEqual(['ttm/good']);
    expect(refused.map(({ name }) => name)).toEqual(['ttm/spoilt']);
    return refused[0]!.reason;
  };

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
    await expect(refusal()).resolves.toMatch(/^model package ttm\/spoilt: model\.onnx can't be loaded: .*sha256 of/);
  });

  it('refuses golden numbers that are not those of the manifest', async () => {
    const home = writeTinyPackage(folder, 'spoilt');
    writeFileSync(join(home, 'golden.json'), '{}');
    await expect(refusal()).resolves.toMatch(/^model package ttm\/spoilt: sha256 of golden\.json is/);
  });

  it('refuses a model that does not reproduce its golden numbers', async () => {
    writeTinyPackage(folder, 'spoilt', { goldenShift: 0.01 });
    await expect(refusal()).resolves.toMatch(
      /^model package ttm\/spoilt: on cpu: golden case "two rows", output quantiles: got .*, expected .* at 0/,
    );
  });

  it('refuses a file that is no ONNX model', async () => {
    const junk = Buffer.from('junk');
    const home = writeTinyPackage(folder, 'spoilt', {
      change: (manifest) => ({ ...manifest, files: { ...(manifest.files as object), 'model.onnx': fileEntry(junk) } }),
    });
    writeFileSync(join(home, 'model.onnx'), junk);
    await expect(refusal()).resolves.toMatch(/^model package ttm\/spoilt: model\.onnx can't be loaded/);
  });

  it('refuses a model without a tensor that its manifest names', async () => {
    const output = { name: 'median', dtype: 'float32', shape: ['batch', 96] };
    writeTinyPackage(folder, 'spoilt', { change: (manifest) => ({ ...manifest, outputs: [output] }) });
    await expect(refusal()).resolves.toContain('model.onnx lacks what manifest.json names: median');
  });

  it('refuses a package without a model or a manifest', async () => {
    const home = writeTinyPackage(folder, 'spoilt');
    rmSync(join(home, 'manifest.json'));
    await expect(refusal()).resolves.toMatch(/manifest\.json can't be read/);
  });

  it('shows a fall-back to the CPU, and refuses to start with it when that is strict', async () => {
    const { loaded } = await load({ PROVIDER: 'cuda' });
    expect(loaded[0]).toMatchObject({ provider: 'cpu', providerFallback: expect.stringMatching(/^cuda: /) });
    await expect(load({ PROVIDER: 'cuda', PROVIDER_STRICT: true })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/^model ttm\/good can't run on PROVIDER=cuda \(cuda: .*PROVIDER_STRICT is set$/),
    });
  });
});
