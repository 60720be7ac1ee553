import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { metricsRegistry, silentLogger, type PlatformError } from '@app/observability';
import { tinyInputs, tinyQuantiles, writeTinyPackage } from './fixtures/tiny-model.js';
import { InferenceWorker, type InferenceWorkerOptions } from './inference-worker.js';
import type { LoadOptions, Tensors } from './ort-protocol.js';
import { withRunOptions } from './run-options.js';

// A worker that dies is started anew, which takes a second on a busy machine.
jest.setTimeout(30_000);

describe('InferenceWorker', () => {
  let folder: string;
  /** What the mortal handler is to do wrong: a file each. */
  let marks: string;
  let options: LoadOptions;
  let worker: InferenceWorker;
  const start = async (settings: Partial<InferenceWorkerOptions> = {}) => {
    worker = new InferenceWorker({ logger: silentLogger(), ...settings });
    return worker.load('tiny', options);
  };
  const mortal = new URL('./fixtures/mortal-ort.mjs', import.meta.url);
  const mark = (name: string) => writeFileSync(join(marks, name), '');
  const unmark = (name: string) => rmSync(join(marks, name), { force: true });
  const quantiles = async (inputs: Tensors) => (await worker.run('tiny', inputs)).quantiles!;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'tidecast-worker-'));
    marks = mkdtempSync(join(tmpdir(), 'tidecast-mortal-'));
    process.env.MORTAL_DIR = marks;
    const file = join(writeTinyPackage(folder), 'model.onnx');
    const sha256 = createHash('sha256').update(readFileSync(file)).digest('hex');
    options = { file, sha256, provider: 'cpu', threads: 1 };
  });
  afterEach(async () => {
    for (const name of readdirSync(marks)) unmark(name);
    await worker.close();
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
    rmSync(marks, { recursive: true });
  });

  it('tells the tensors of a model', async () => {
    await expect(start()).resolves.toEqual({
      inputNames: ['past_values', 'past_observed_mask', 'season_candidates'],
      outputNames: ['quantiles'],
      tensors: {
        past_values: { dtype: 'float32', shape: ['batch', 512] },
        past_observed_mask: { dtype: 'float32', shape: ['batch', 512] },
        season_candidates: { dtype: 'int64', shape: ['batch', 4] },
        quantiles: { dtype: 'float32', shape: ['batch', 96, 13] },
      },
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

  it('gives a worker that replaces a dead one its models, and repeats the run', async () => {
    await start({ handler: mortal, chunkRows: 2 });
    mark('die-once');
    const inputs = tinyInputs(5);
    const { data } = await quantiles(inputs);
    expect(largestDifference(data, tinyQuantiles(inputs))).toBeLessThan(1e-5);
  });

  it('fails what kills its worker twice, and spares who shared the run', async () => {
    await start({ handler: mortal });
    mark('poison');
    const poison = tinyInputs(2);
    (poison.past_values!.data as Float32Array)[700] = 666;
    const asked = [tinyInputs(3), poison, tinyInputs(1)].map((inputs) => quantiles(inputs));
    await expect(asked[1]).rejects.toMatchObject({
      code: 'INFERENCE_FAILED',
      message: expect.stringContaining('tiny: the worker died twice (the process ended with SIGKILL'),
    });
    await expect(asked[0]).resolves.toMatchObject({ dims: [3, 96, 13] });
    await expect(asked[2]).resolves.toMatchObject({ dims: [1, 96, 13] });
  });

  it('ends a run that does not come back, and serves on', async () => {
    await start({ handler: mortal, runTimeoutMs: 300 });
    mark('hang');
    await expect(quantiles(tinyInputs(1))).rejects.toMatchObject({
      code: 'MODEL_TOO_SLOW',
      message: 'tiny was ended: no answer within 0.3 s',
    });
    unmark('hang');
    await expect(quantiles(tinyInputs(1))).resolves.toMatchObject({ dims: [1, 96, 13] });
  });

  it('fails a load that kills or never ends, and goes on with what it had', async () => {
    await start({ handler: mortal, loadTimeoutMs: 3_000 });
    mark('die-on-load');
    await expect(worker.load('other', options)).rejects.toMatchObject({ code: 'INFERENCE_FAILED' });
    unmark('die-on-load');
    await expect(quantiles(tinyInputs(1))).resolves.toMatchObject({ dims: [1, 96, 13] });
    mark('hang-on-load');
    const hanging = worker.load('other', options);
    await expect(hanging).rejects.toMatchObject({ code: 'MODEL_TOO_SLOW' });
    unmark('hang-on-load');
    await expect(quantiles(tinyInputs(1))).resolves.toMatchObject({ dims: [1, 96, 13] });
  }, 60_000);

  it('puts rows that are asked for at the same time into one run, equal ones once', async () => {
    await start();
    const before = await runs();
    const one = tinyInputs(1);
    const answers = await Promise.all([one, tinyInputs(4), one].map((inputs) => quantiles(inputs)));
    expect((await runs()) - before).toBe(1);
    expect(answers.map(({ dims }) => dims[0])).toEqual([1, 4, 1]);
    expect(largestDifference(answers[1]!.data, tinyQuantiles(tinyInputs(4)))).toBeLessThan(1e-5);
    expect(answers[2]).toEqual(answers[0]);
  });

  it('drops a caller who leaves or whose time is up, and serves the others', async () => {
    await start({ handler: mortal });
    mark('hold');
    const first = quantiles(tinyInputs(1));
    const caller = new AbortController();
    const leaving = withRunOptions({ signal: caller.signal }, () => quantiles(tinyInputs(2)));
    const late = worker.run('tiny', tinyInputs(2), { deadline: Date.now() + 50 });
    caller.abort(new Error('hung up'));
    await expect(leaving).rejects.toThrow('hung up');
    await expect(late).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    unmark('hold');
    await expect(first).resolves.toMatchObject({ dims: [1, 96, 13] });
  });

  it('answers what waits before a model goes', async () => {
    await start({ chunkRows: 2 });
    const asked = Array.from({ length: 8 }, (_, i) => quantiles(tinyInputs(i + 1)));
    const released = worker.release('tiny');
    await expect(worker.run('tiny', tinyInputs(1))).rejects.toThrow('model tiny is not loaded');
    await expect(Promise.all(asked)).resolves.toHaveLength(8);
    await released;
  });

  it('replaces a model under load: nobody is failed', async () => {
    await start({ chunkRows: 4 });
    const asked: Promise<unknown>[] = [];
    const ask = () => asked.push(quantiles(tinyInputs(3)));
    const asking = setInterval(ask, 1);
    ask();
    for (let i = 0; i < 5; i++) await worker.load('tiny', options);
    clearInterval(asking);
    await expect(Promise.all(asked)).resolves.toHaveLength(asked.length);
  });

  it('gives each caller its own answer exactly once while workers are killed under it', async () => {
    await start({ handler: mortal, chunkRows: 8, workers: 2 });
    const answered = Array.from({ length: 200 }, () => 0);
    let done = 0;
    const callers = Array.from({ length: 10 }, async (_, caller) => {
      for (let i = caller; i < answered.length; i += 10) {
        const inputs = tinyInputs(1 + (i % 5));
        (inputs.past_values!.data as Float32Array).fill(i);
        const outcome = await quantiles(inputs).catch((error: PlatformError) => error);
        answered[i]!++;
        if (++done % 40 === 0) mark(`die-once-${done}`);
        if (outcome instanceof Error) expect(outcome.code).toBe('INFERENCE_FAILED');
        else expect(largestDifference(outcome.data, tinyQuantiles(inputs))).toBeLessThan(1e-4);
      }
    });
    await Promise.all(callers);
    expect(answered.every((count) => count === 1)).toBe(true);
  }, 60_000);

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
