import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { silentLogger } from '@app/observability';
import { fileEntry, tinyInputs, tinyModel, writeTinyPackage, type TinyFlaws } from './fixtures/tiny-model.js';
import { InferenceWorker } from './inference-worker.js';
import { ModelRegistry } from './model-registry.js';

jest.setTimeout(60_000);

/** A package that appears beside one that serves: refused with a code of its own, and nobody notices. */
describe('a bad package', () => {
  let folder: string;
  let worker: InferenceWorker;
  let registry: ModelRegistry;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tidecast-bad-'));
    writeTinyPackage(folder, 'good');
    worker = new InferenceWorker({ logger: silentLogger() });
    registry = await ModelRegistry.load({
      env: {
        MODELS_DIR: folder,
        PROVIDER: 'cpu',
        PROVIDER_STRICT: false,
        INFERENCE_THREADS: 1,
        INFERENCE_TIMEOUT_SECONDS: 3,
        WORKER_MEMORY_MB: 1024,
      },
      worker,
      logger: silentLogger(),
    });
  });
  afterAll(async () => {
    await worker.close();
    rmSync(folder, { recursive: true });
  });

  const flawed = (flaws: TinyFlaws) => ({ model: tinyModel(flaws) });
  const half = () => {
    const model = tinyModel();
    return { model: model.subarray(0, model.length / 2) };
  };

  it.each([
    [
      'whose network takes another number of points',
      flawed({ context: 256 }),
      'MODEL_SHAPE_WRONG',
      /past_values is float32 \[batch, 256\] in model\.onnx, manifest\.json says float32 \[batch, 512\]/,
    ],
    ['with weights that are no numbers', flawed({ shift: Number.NaN }), 'MODEL_NOT_FINITE', /got NaN/],
    ['with half a file', half(), 'MODEL_FILE_BROKEN', /model\.onnx can't be loaded/],
    ['with other numbers than its golden ones', { goldenShift: 0.5 }, 'MODEL_GOLDEN_MISMATCH', /expected/],
    ['that takes half a minute', flawed({ square: 4_096, products: 16 }), 'MODEL_TOO_SLOW', /no answer within 3 s/],
    ['that takes 10 GB', flawed({ square: 50_000 }), 'MODEL_TOO_LARGE', /needs more memory than a worker may take/],
  ] as const)('%s is refused with a code of its own', async (_, options, code, reason) => {
    writeTinyPackage(folder, 'bad', options);
    let failed = 0;
    let served = 0;
    const over = new AbortController();
    const serving = (async () => {
      while (!over.signal.aborted) {
        await registry.loaded[0]!.run(tinyInputs(1)).then(
          () => served++,
          () => failed++,
        );
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    })();
    await registry.scan();
    over.abort();
    await serving;

    const [refused] = registry.refused;
    expect(refused).toMatchObject({ name: 'ttm/bad', code, reason: expect.stringMatching(reason) });
    expect([registry.loaded.map(({ name }) => name), failed]).toEqual([['ttm/good'], 0]);
    expect(served).toBeGreaterThan(0);
  });
});

/** A model that was fine when it was proven: what it does wrong later stays in its worker. */
describe('a model that goes wrong while it serves', () => {
  let folder: string;
  let worker: InferenceWorker;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'tidecast-bad-'));
    worker = new InferenceWorker({ logger: silentLogger(), memoryMb: 1024, runTimeoutMs: 3_000 });
  });
  afterAll(async () => {
    await worker.close();
    rmSync(folder, { recursive: true });
  });
  const load = async (name: string, flaws: TinyFlaws) => {
    const model = tinyModel(flaws);
    const home = writeTinyPackage(folder, name, { model });
    const { sha256 } = fileEntry(model);
    await worker.load(name, { file: join(home, 'model.onnx'), sha256, provider: 'cpu', threads: 1 });
  };

  it.each([
    ['MODEL_TOO_LARGE', { square: 50_000 }],
    ['MODEL_TOO_SLOW', { square: 4_096, products: 16 }],
  ] as const)('fails its own callers with %s and nobody else', async (code, flaws) => {
    await load('good', {});
    await load('bad', flaws);
    await expect(worker.run('bad', tinyInputs(1))).rejects.toMatchObject({ code });
    await expect(worker.run('good', tinyInputs(1))).resolves.toMatchObject({ quantiles: { dims: [1, 96, 13] } });
  });
});
