import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { metricsRegistry, silentLogger } from '@app/observability';
import { tinyInputs, tinyQuantiles, writeTinyPackage } from './fixtures/tiny-model.js';
import { InferenceWorker, type InferenceWorkerOptions } from './inference-worker.js';
import type { LoadOptions, Tensors } from './ort-protocol.js';

describe('InferenceWorker', () => {
  let folder: string;
  let options: LoadOptions;
  let worker: InferenceWorker;
  const start = async (settings: Partial<InferenceWorkerOptions> = {}) => {
    worker = new InferenceWorker({ logger: silentLogger(), ...settings });
    return worker.load('tiny', options);
  };
  const quantiles = async (inputs: Tensors) => (await worker.run('tiny', inputs)).quantiles!;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'tidecast-worker-'));
    const file = join(writeTinyPackage(folder), 'model.onnx');
    const sha256 = createHash('sha256').update(readFileSync(file)).digest('hex');
    options = { file, sha256, provider: 'cpu', threads: 1 };
  });
  afterEach(() => worker.close());
  afterAll(() => rmSync(folder, { recursive: true }));

  it('tells the names of inputs and outputs', async () => {
    await expect(start()).resolves.toEqual({
      inputNames: ['past_values', 'past_observed_mask', 'season_candidates'],
      outputNames: ['quantiles'],
    });
  });

  it('computes what the formula of the network gives', async () => {
    await start();
    const inputs = tinyInputs(3);
    const { data, dims } = await quantiles(inputs);
    expect(dims).toEqual([3, 96, 13]);
    expect(largestDifference(data, tinyQuantiles(inputs))).toBeLessThan(1e-5);
  });

  it('leaves the inputs of the caller as they were', async () => {
    await start();
    const inputs = tinyInputs(2);
    await quantiles(inputs);
    expect(inputs).toEqual(tinyInputs(2));
  });

  it('gives the same numbers in chunks and in one run', async () => {
    await start({ chunkRows: 4 });
    const inputs = tinyInputs(11);
    const chunked = await quantiles(inputs);
    await worker.close();
    await start({ chunkRows: 64 });
    expect(chunked).toEqual(await quantiles(inputs));
  });

  it('refuses a file that is not the one that was verified', async () => {
    worker = new InferenceWorker({ logger: silentLogger() });
    const loading = worker.load('tiny', { ...options, sha256: '0'.repeat(64) });
    await expect(loading).rejects.toMatchObject({
      code: 'INFERENCE_FAILED',
      message: expect.stringMatching(/sha256 of .*model\.onnx is [0-9a-f]{64}, the manifest says 0{64}/),
    });
  });

  it('refuses to run what is not loaded, or no longer', async () => {
    await start();
    await expect(worker.run('other', tinyInputs(1))).rejects.toThrow('model other is not loaded');
    await worker.release('tiny');
    await expect(worker.run('tiny', tinyInputs(1))).rejects.toThrow('model tiny is not loaded');
  });

  it('passes on what ONNX Runtime says about wrong inputs, and serves on', async () => {
    await start();
    const { past_values, past_observed_mask } = tinyInputs(1);
    const failing = worker.run('tiny', { past_values: past_values!, past_observed_mask: past_observed_mask! });
    await expect(failing).rejects.toMatchObject({
      code: 'INFERENCE_FAILED',
      message: expect.stringContaining('season_candidates'),
    });
    await expect(quantiles(tinyInputs(1))).resolves.toMatchObject({ dims: [1, 96, 13] });
  });

  it('gives a thread that replaces a dead one its models, and repeats the run', async () => {
    await start({ handler: new URL('./fixtures/mortal-ort.mjs', import.meta.url), chunkRows: 2 });
    writeFileSync(join(tmpdir(), `tidecast-mortal-${process.pid}`), '');
    const inputs = tinyInputs(5);
    const { data } = await quantiles(inputs);
    expect(largestDifference(data, tinyQuantiles(inputs))).toBeLessThan(1e-5);
  });

  it('refuses inputs of different numbers of rows', async () => {
    await start();
    const inputs = { ...tinyInputs(2), season_candidates: tinyInputs(1).season_candidates! };
    await expect(worker.run('tiny', inputs)).rejects.toThrow('past_values [2, 512]');
  });

  it('refuses with OVERLOADED when too many rows wait', async () => {
    await start({ chunkRows: 1, maxWaitingRows: 10 });
    const first = worker.run('tiny', tinyInputs(8));
    await expect(worker.run('tiny', tinyInputs(8))).rejects.toMatchObject({ code: 'OVERLOADED' });
    await expect(first).resolves.toBeDefined();
  });

  it('keeps the event loop going while the network runs', async () => {
    await start();
    const inputs = tinyInputs(1000);
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    await quantiles(inputs);
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(2);
  });

  it('counts runs and rows by model', async () => {
    await start({ chunkRows: 2 });
    const before = await runs();
    await quantiles(tinyInputs(5));
    expect((await runs()) - before).toBe(3);
  });
});

function largestDifference(actual: ArrayLike<number | bigint>, expected: Float32Array): number {
  expect(actual).toHaveLength(expected.length);
  return expected.reduce((most, value, i) => Math.max(most, Math.abs(Number(actual[i]) - value)), 0);
}

async function runs(): Promise<number> {
  const metric = await metricsRegistry.getSingleMetric('tidecast_inference_rows')!.get();
  return metric.values.find((value) => (value as { metricName?: string }).metricName?.endsWith('_count'))?.value ?? 0;
}
