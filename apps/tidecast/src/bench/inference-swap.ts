import type { Tensors } from '@app/inference';

import type { Progress } from '../evaluate/progress.js';
import { load, touchPackage, type BenchEngine } from './inference-engine.js';

/** What callers noticed of a model that was replaced under them. */
export interface SwapResult {
  readonly swaps: number;
  readonly requests: number;
  readonly failed: number;
  /** Requests that were answered more or less than once, or with another caller's numbers. */
  readonly wrong: number;
}

const CALLERS = 16;

/** Replaces the package some times while callers ask, as newer files on the disk do. */
export async function swapUnderLoad(
  { registry, model, folder }: BenchEngine,
  rows: readonly Tensors[],
  { swaps, seconds }: { swaps: number; seconds: number },
): Promise<SwapResult> {
  const expected = await Promise.all(rows.map(async (row) => digest(await model.run(row))));
  const answers = new Map<number, number>();
  let wrong = 0;
  // Whoever asks takes the model that serves now, as the catalogue does.
  const ask = async (call: number) => {
    const current = registry.loaded.find(({ name }) => name === model.name)!;
    const place = call % rows.length;
    const got = digest(await current.run(rows[place]!));
    if (!close(got, expected[place]!)) wrong++;
    answers.set(call, (answers.get(call) ?? 0) + 1);
  };
  const loading = load(CALLERS, seconds, ask);
  for (let swap = 1; swap <= swaps; swap++) {
    touchPackage(folder, `9.0.${swap}`);
    await registry.scan();
  }
  const { latenciesMs, failures } = await loading;
  const version = registry.loaded.find(({ name }) => name === model.name)?.manifest.version;
  if (version !== `9.0.${swaps}`) throw new Error(`version ${version} serves after ${swaps} swaps`);
  const repeated = [...answers.values()].filter((count) => count !== 1).length;
  return { swaps, requests: latenciesMs.length, failed: failures.length, wrong: wrong + repeated };
}

/** Growth of the memory of worker and serving process over so many times that a model is loaded and unloaded, as a ratio. */
export async function cycleGrowth(
  { registry, worker, model }: BenchEngine,
  row: Tensors,
  cycles: number,
  progress: Progress,
): Promise<number> {
  // Before that, allocators still fill their pools.
  const warm = Math.max(1, Math.floor(cycles / 10));
  let before = 0;
  for (let cycle = 0; cycle <= warm + cycles; cycle++) {
    if (cycle === warm) before = await memory(worker);
    await registry.unload(model.name);
    await registry.bring(model.name);
    await model.run(row);
    progress.report('load and unload', cycle, warm + cycles);
  }
  return (await memory(worker)) / before - 1;
}

/** Growth of the same memory over so many minutes of load, the first tenth not counted. */
export async function loadGrowth(
  { worker, model }: BenchEngine,
  rows: readonly Tensors[],
  minutes: number,
  progress: Progress,
): Promise<number> {
  const parts = 10;
  let before = 0;
  for (let part = 0; part < parts; part++) {
    await load(CALLERS, (60 * minutes) / parts, (call) => model.run(rows[call % rows.length]!));
    if (part === 0) before = await memory(worker);
    progress.report('memory under load', part + 1, parts);
  }
  return (await memory(worker)) / before - 1;
}

async function memory(worker: BenchEngine['worker']): Promise<number> {
  return (await worker.memory()) + process.memoryUsage.rss();
}

/** A number that differs between answers of different rows. */
function digest(outputs: Tensors): number {
  const [output] = Object.values(outputs);
  return (output!.data as Float32Array).reduce((sum, value, i) => sum + value * ((i % 7) + 1), 0);
}

// Runs of other sizes add up in another order.
function close(a: number, b: number): boolean {
  return Math.abs(a - b) <= 1e-3 * Math.max(1, Math.abs(b));
}
