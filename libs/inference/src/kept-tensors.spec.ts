import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@app/observability';
import { jest } from '@jest/globals';
import { decoderGraph, writePackage } from '../../../test/support/tiny-packages.js';
import { InferenceWorker, type InferenceWorkerOptions } from './inference-worker.js';
import type { KeptTensors } from './kept-tensors.js';
import type { LoadOptions, TensorData, Tensors } from './ort-protocol.js';

jest.setTimeout(30_000);

const CACHE = { present_mask: 'past_mask', present_key_values: 'past_key_values' };
const MB = 2 ** 20;

/** A decoder of one layer, of which each step needs what the one before left. */
describe('tensors that stay in their worker', () => {
  let folder: string;
  let marks: string;
  let options: LoadOptions;
  let worker: InferenceWorker;
  const mortal = new URL('./fixtures/mortal-ort.mjs', import.meta.url);
  const start = async (settings: Partial<InferenceWorkerOptions> = {}) => {
    worker = new InferenceWorker({ logger: silentLogger(), ...settings });
    await worker.load('decoder', options);
  };

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'tidecast-kept-'));
    marks = mkdtempSync(join(tmpdir(), 'tidecast-mortal-'));
    process.env.MORTAL_DIR = marks;
    writePackage(folder, 'time-moe/tiny', decoderGraph);
    const file = join(folder, 'time-moe/tiny', 'model.onnx');
    const sha256 = createHash('sha256').update(readFileSync(file)).digest('hex');
    options = { file, sha256, provider: 'cpu', threads: 1 };
  });
  afterEach(async () => {
    for (const name of readdirSync(marks)) rmSync(join(marks, name));
    await worker.close();
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
    rmSync(marks, { recursive: true });
  });

  const step = (kept: KeptTensors, values: readonly number[], past: Tensors = {}) =>
    worker.run('decoder', { input_values: row(values), attention_mask: row(values.map(() => 1)), ...past }, { kept });
  /** Three steps; gives what came back of each. */
  const decode = async (kept: KeptTensors) => [
    await step(kept, [1, 2, 3], EMPTY),
    await step(kept, [4]),
    await step(kept, [5, 6]),
  ];

  it('are what the next step gets, and do not come back', async () => {
    await start();
    const outputs = await worker.keeping({ outputs: CACHE, bytes: MB }, decode);
    for (const names of outputs.map(Object.keys)) expect(names.every((name) => name.startsWith('head_'))).toBe(true);
    expect(outputs.map(({ head_1_last: head }) => head!.data[0])).toEqual([3, 4, 6]);

    // The half that does come back shows what the other half held.
    const half = await worker.keeping(
      { outputs: { present_key_values: 'past_key_values' }, bytes: MB },
      async (kept) => {
        const { present_mask: mask } = await step(kept, [1, 2, 3], EMPTY);
        return step(kept, [4], { past_mask: mask! });
      },
    );
    expect(half.present_mask).toEqual(row([1, 1, 1, 1]));
  });

  it('are as many rows as were asked about, equal ones too', async () => {
    await start();
    const twice = (values: readonly number[]): TensorData => ({
      dtype: 'float32',
      dims: [2, values.length],
      data: Float32Array.from([...values, ...values]),
    });
    const cache = { past_mask: zeros([2, 0]), past_key_values: zeros([2, 1, 2, 1, 0, 2]) };
    const { head_1_last: head } = await worker.keeping({ outputs: CACHE, bytes: MB }, async (kept) => {
      await worker.run('decoder', { input_values: twice([1]), attention_mask: twice([1]), ...cache }, { kept });
      return worker.run('decoder', { input_values: twice([7]), attention_mask: twice([1]) }, { kept });
    });
    expect(head).toMatchObject({ dims: [2, 1], data: Float32Array.of(7, 7) });
  });

  it('belong to one caller each, however many there are and workers', async () => {
    await start({ workers: 2 });
    const all = await Promise.all(
      Array.from({ length: 12 }, () => worker.keeping({ outputs: CACHE, bytes: MB }, decode)),
    );
    for (const outputs of all) expect(outputs.map(({ head_1_last: head }) => head!.data[0])).toEqual([3, 4, 6]);
  });

  it('are begun again when their worker dies', async () => {
    await start({ handler: mortal });
    let begun = 0;
    const last = await worker.keeping({ outputs: CACHE, bytes: MB }, async (kept) => {
      await step(kept, [1, 2, 3], EMPTY);
      if (++begun === 1) writeFileSync(join(marks, 'die-once'), '');
      return step(kept, [4]);
    });
    expect([begun, last.head_1_last!.data[0]]).toEqual([2, 4]);
  });

  it('are begun again when their model was unloaded meanwhile, and given up after the second time', async () => {
    await start();
    let begun = 0;
    const unloaded = worker.keeping({ outputs: CACHE, bytes: MB }, async (kept) => {
      begun++;
      await step(kept, [1, 2, 3], EMPTY);
      await worker.release('decoder');
      await worker.load('decoder', options);
      return step(kept, [4]);
    });
    await expect(unloaded).rejects.toMatchObject({
      code: 'INFERENCE_FAILED',
      message: expect.stringContaining('what was kept between two runs is gone'),
    });
    expect(begun).toBe(2);
  });

  it('wait where there is no room for more, and are freed when their caller ends, however that is', async () => {
    await start();
    const order: string[] = [];
    const asked = (name: string) =>
      worker.keeping({ outputs: CACHE, bytes: 200 * MB }, async (kept) => {
        await step(kept, [1], EMPTY);
        order.push(`${name} began`);
        await step(kept, [2]);
        order.push(`${name} ended`);
        if (name === 'a') throw new Error('on purpose');
      });
    const ended = await Promise.allSettled(['a', 'b', 'c'].map(asked));
    expect(ended.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
    expect(order).toEqual(['a began', 'a ended', 'b began', 'b ended', 'c began', 'c ended']);
  });

  it('do not hold up others', async () => {
    await start();
    await worker.keeping({ outputs: CACHE, bytes: 200 * MB }, async (kept) => {
      await step(kept, [1], EMPTY);
      const other = await worker.run('decoder', { input_values: row([8]), attention_mask: row([1]), ...EMPTY });
      expect(other.head_1_last!.data[0]).toBe(8);
      expect((await step(kept, [2])).head_1_last!.data[0]).toBe(2);
    });
  });
});

const EMPTY = { past_mask: zeros([1, 0]), past_key_values: zeros([1, 1, 2, 1, 0, 2]) };

function row(values: readonly number[]): TensorData {
  return { dtype: 'float32', dims: [1, values.length], data: Float32Array.from(values) };
}

function zeros(dims: readonly number[]): TensorData {
  return { dtype: 'float32', dims, data: new Float32Array(dims.reduce((size, dim) => size * dim, 1)) };
}
