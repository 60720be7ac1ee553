import { CANONICAL_LEVELS, sortQuantiles } from '@app/series';
import { mixtureQuantiles } from './mixture.js';

const WIDTH = CANONICAL_LEVELS.length;
const MEDIAN = CANONICAL_LEVELS.indexOf(0.5);

/**
 * The levels whose trajectories are fed back, and the probability that each stands for (half-way to its neighbours).
 * With the outermost levels among them nine points have the variance of the distribution (0.99 of a normal one's): a
 * random walk stays within a tenth of its true width over ten blocks. The nine deciles, .1 to .9, would have 0.6 of it,
 * and each block would forget a third of what the one before did not know.
 */
const TRAJECTORIES = [0.025, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.975];
const COLUMNS = TRAJECTORIES.map((level) => CANONICAL_LEVELS.indexOf(level));
const WEIGHTS = TRAJECTORIES.map((level, i) => {
  const below = i === 0 ? 0 : (TRAJECTORIES[i - 1]! + level) / 2;
  const above = i === TRAJECTORIES.length - 1 ? 1 : (level + TRAJECTORIES[i + 1]!) / 2;
  return above - below;
});

/** Rows that each further block costs for one window. */
export const ROWS_PER_BLOCK = TRAJECTORIES.length;

/**
 * Forecasts contexts one block ahead: for each the quantiles of its block, steps × 13, row-major.
 *
 * @param windows for each context the index of the window that it continues.
 */
export type PredictBlock = (contexts: readonly Float64Array[], windows: readonly number[]) => Promise<Float64Array[]>;

/** What one run of the network takes and gives, in points. */
export interface BlockSizes {
  readonly contextLength: number;
  readonly predictionLength: number;
}

/**
 * Forecasts any horizon with a network that looks a fixed number of steps ahead. After the first block nine quantile
 * trajectories are appended to the context, as if each had come true, and the next block is the mixture of the forecasts
 * from them; trajectory j then goes on along quantile j of the mixture. So what one block did not know is handed on to
 * the next, and a random walk widens with the root of time.
 *
 * A network that takes a smooth trajectory for an easy series would be too sure of itself: the mean distance of each
 * quantile from the median, over a block, is made at least that of the block before.
 *
 * @param targets contexts, NaN where missing.
 * @param horizon steps; costs one row a window for the first block and nine for each further one.
 * @returns for each context horizon × 13 quantiles, row-major.
 */
export async function roll(
  targets: readonly Float64Array[],
  horizon: number,
  sizes: BlockSizes,
  predict: PredictBlock,
): Promise<Float64Array[]> {
  const windows = targets.map((_, i) => i);
  const results = targets.map(() => new Float64Array(horizon * WIDTH));
  let blocks = await predict(targets, windows);
  let trajectories = targets.map((target) => COLUMNS.map(() => target));
  for (let done = 0; ; done += sizes.predictionLength) {
    const wanted = Math.min(sizes.predictionLength, horizon - done) * WIDTH;
    blocks.forEach((block, i) => results[i]!.set(block.subarray(0, wanted), done * WIDTH));
    if (done + sizes.predictionLength >= horizon) return results;

    trajectories = trajectories.map((paths, i) => paths.map((path, j) => extend(path, blocks[i]!, COLUMNS[j]!, sizes)));
    const rows = await predict(
      trajectories.flat(),
      windows.flatMap((i) => COLUMNS.map(() => i)),
    );
    blocks = blocks.map((before, i) => {
      const components = rows.slice(i * ROWS_PER_BLOCK, (i + 1) * ROWS_PER_BLOCK);
      return keepWidth(mixtureQuantiles(components, WEIGHTS), before);
    });
  }
}

/** A context with one quantile trajectory of its forecast appended. */
function extend(path: Float64Array, block: Float64Array, column: number, sizes: BlockSizes): Float64Array {
  const { contextLength, predictionLength } = sizes;
  const kept = path.subarray(Math.max(0, path.length - Math.max(0, contextLength - predictionLength)));
  const extended = new Float64Array(kept.length + predictionLength);
  extended.set(kept);
  for (let step = 0; step < predictionLength; step++) extended[kept.length + step] = block[step * WIDTH + column]!;
  return extended;
}

/** Widens a block, in place, where its quantiles lie nearer to the median than those of the block before. */
function keepWidth(block: Float64Array, before: Float64Array): Float64Array {
  const [now, then] = [meanDistances(block), meanDistances(before)];
  const factors = now.map((distance, column) =>
    distance < then[column]! && distance > 0 ? then[column]! / distance : 1,
  );
  if (factors.every((factor) => factor === 1) && now.every((distance, i) => distance >= then[i]!)) return block;
  for (let start = 0; start < block.length; start += WIDTH) {
    const median = block[start + MEDIAN]!;
    for (let i = 0; i < WIDTH; i++) {
      // No width at all can't be multiplied: then it is the mean distance itself.
      const side = Math.sign(i - MEDIAN);
      const distance = now[i]! > 0 ? (block[start + i]! - median) * factors[i]! : side * then[i]!;
      block[start + i] = median + distance;
    }
  }
  // Levels that were widened by different factors may have passed each other.
  return sortQuantiles(block, WIDTH);
}

/** Mean distance of each quantile from the median, over the steps of a block. */
function meanDistances(block: Float64Array): number[] {
  const steps = block.length / WIDTH;
  const distances = CANONICAL_LEVELS.map(() => 0);
  for (let start = 0; start < block.length; start += WIDTH) {
    const median = block[start + MEDIAN]!;
    for (let i = 0; i < WIDTH; i++) distances[i] = distances[i]! + Math.abs(block[start + i]! - median) / steps;
  }
  return distances;
}
