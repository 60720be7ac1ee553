import { CANONICAL_LEVELS, normalQuantile } from '@app/series';
import { ROWS_PER_BLOCK, roll, type PredictBlock } from './rolling.js';

const WIDTH = CANONICAL_LEVELS.length;
const SIZES = { contextLength: 32, predictionLength: 8 };
const Z = CANONICAL_LEVELS.map(normalQuantile);

/** A network that knows its process: quantiles of each step from `centre` and `deviation`, given a context. */
const knows =
  (centre: (context: Float64Array, step: number) => number, deviation: (step: number) => number): PredictBlock =>
  (contexts) =>
    Promise.resolve(
      contexts.map((context) =>
        Float64Array.from({ length: SIZES.predictionLength * WIDTH }, (_, i) => {
          const step = Math.floor(i / WIDTH) + 1;
          return centre(context, step) + deviation(step) * Z[i % WIDTH]!;
        }),
      ),
    );
const randomWalk = knows((context) => context.at(-1)!, Math.sqrt);
const seasonal = knows(
  (context, step) => context.at(-4 + ((step - 1) % 4))!,
  () => 1,
);
const phase = [0, 10, 20, 10];
const cycle = knows(
  (_, step) => phase[(step - 1) % 4]!,
  () => 1,
);

const forecast = async (
  predict: PredictBlock,
  horizon: number,
  target = Float64Array.from({ length: 40 }, (_, i) => phase[i % 4]!),
) => (await roll([target], horizon, SIZES, predict))[0]!;
const at = (quantiles: Float64Array, step: number, level: number) =>
  quantiles[(step - 1) * WIDTH + CANONICAL_LEVELS.indexOf(level)]!;
const width = (quantiles: Float64Array, step: number) => at(quantiles, step, 0.9) - at(quantiles, step, 0.1);
const blockWidths = (quantiles: Float64Array) =>
  Array.from({ length: quantiles.length / WIDTH / 8 }, (_, block) => {
    const steps = Array.from({ length: 8 }, (_, i) => width(quantiles, block * 8 + i + 1));
    return steps.reduce((sum, value) => sum + value, 0) / 8;
  });

describe('roll', () => {
  it('is the network itself within its own length, in one run', async () => {
    const calls: number[] = [];
    const counting: PredictBlock = (contexts, windows) => {
      calls.push(contexts.length);
      return randomWalk(contexts, windows);
    };
    const short = await forecast(counting, 5);
    expect(calls).toEqual([1]);
    expect(short).toHaveLength(5 * WIDTH);
    expect(short).toEqual((await forecast(randomWalk, 8)).subarray(0, 5 * WIDTH));
  });

  it('does not change the first block by looking further', async () => {
    expect((await forecast(randomWalk, 20)).subarray(0, 8 * WIDTH)).toEqual(await forecast(randomWalk, 8));
  });

  it('costs nine rows a window for each further block', async () => {
    const calls: number[] = [];
    const counting: PredictBlock = (contexts, windows) => {
      calls.push(contexts.length);
      return randomWalk(contexts, windows);
    };
    await roll([Float64Array.of(1), Float64Array.of(2), Float64Array.of(3)], 17, SIZES, counting);
    expect(calls).toEqual([3, 3 * ROWS_PER_BLOCK, 3 * ROWS_PER_BLOCK]);
  });

  it('widens a random walk with the root of time', async () => {
    const quantiles = await forecast(randomWalk, 80);
    for (const step of [9, 16, 24, 40, 80]) {
      const expected = 2 * 1.2816 * Math.sqrt(step);
      expect(width(quantiles, step) / expected).toBeGreaterThan(0.95);
      expect(width(quantiles, step) / expected).toBeLessThan(1.1);
    }
  });

  it('keeps the median of a random walk where it is', async () => {
    const quantiles = await forecast(randomWalk, 80, Float64Array.of(1, 2, 5));
    expect(at(quantiles, 80, 0.5)).toBeCloseTo(5, 2);
  });

  it('keeps season and width of a cycle that does not depend on the past', async () => {
    const quantiles = await forecast(cycle, 64);
    for (let step = 1; step <= 64; step++) {
      expect(at(quantiles, step, 0.5)).toBeCloseTo(phase[(step - 1) % 4]!, 6);
      expect(width(quantiles, step)).toBeCloseTo(2 * 1.2816, 2);
    }
  });

  it('widens a seasonal walk by cycles', async () => {
    const widths = blockWidths(await forecast(seasonal, 64));
    widths.slice(1).forEach((value, i) => expect(value).toBeGreaterThanOrEqual(widths[i]! * 0.999999));
    // Blocks of 8 are steps of a random walk: the eighth is about √8 times as wide as the first.
    expect(widths[7]! / widths[0]!).toBeGreaterThan(2.2);
    expect(widths[7]! / widths[0]!).toBeLessThan(3.6);
  });

  it('is certain of a constant of which the network is certain', async () => {
    const constant = knows(
      (context) => context.at(-1)!,
      () => 0,
    );
    const quantiles = await forecast(constant, 50, new Float64Array(3).fill(7));
    expect(quantiles).toEqual(new Float64Array(50 * WIDTH).fill(7));
  });

  it('never narrows, although the network becomes surer of itself', async () => {
    let call = 0;
    const surer: PredictBlock = (contexts, windows) =>
      knows(
        () => 0,
        () => 0.5 ** call,
      )(contexts, windows).finally(() => call++);
    const widths = blockWidths(await forecast(surer, 40));
    widths.forEach((value) => expect(value).toBeCloseTo(widths[0]!, 9));
  });

  it('never narrows, although the network becomes certain', async () => {
    let call = 0;
    const certain: PredictBlock = (contexts, windows) =>
      knows(
        () => 3,
        () => (call === 0 ? 1 : 0),
      )(contexts, windows).finally(() => call++);
    const quantiles = await forecast(certain, 24);
    const widths = blockWidths(quantiles);
    widths.forEach((value) => expect(value).toBeCloseTo(widths[0]!, 9));
    expect(at(quantiles, 24, 0.5)).toBe(3);
  });

  it.each([1, 8, 9, 16, 17, 100])('gives finite, ascending quantiles for %i steps', async (horizon) => {
    const quantiles = await forecast(randomWalk, horizon, Float64Array.of(Number.NaN, 1, Number.NaN, 3));
    expect(quantiles).toHaveLength(horizon * WIDTH);
    for (let i = 0; i < quantiles.length; i++) {
      expect(Number.isFinite(quantiles[i]!)).toBe(true);
      if (i % WIDTH > 0) expect(quantiles[i]).toBeGreaterThanOrEqual(quantiles[i - 1]!);
    }
  });

  it('feeds the network at most its context, and the series before what was forecast', async () => {
    const lengths: number[] = [];
    const watching: PredictBlock = (contexts, windows) => {
      lengths.push(contexts[3]?.length ?? contexts[0]!.length);
      if (lengths.length === 2) expect([...contexts[3]!.subarray(0, 24)]).toEqual([...target.subarray(16)]);
      return randomWalk(contexts, windows);
    };
    const target = Float64Array.from({ length: 40 }, (_, i) => i);
    await roll([target], 24, SIZES, watching);
    expect(lengths).toEqual([40, 32, 32]);
  });
});
