import type { Tensors } from '@app/inference';
import { fitScaler, sortQuantiles, type ContextWindow, type Scaler } from '@app/series';

/** Seasons that one row names. */
const CANDIDATES = 4;
/** Longest lag that the network looks at; a longer one can't repeat within its context. */
const LONGEST_SEASON = 384;

/** One row of a batch. */
export interface Row {
  /** NaN where missing; only the last `contextLength` points are used. */
  readonly target: Float64Array;
  /** Four season lengths in points, 0 for none. */
  readonly candidates: readonly number[];
}

/** A batch in the space of the network, and the way back. */
export interface Batch {
  readonly inputs: Tensors;
  /** One a row. */
  readonly scalers: readonly Scaler[];
}

/** The seasons that the network may look for: those of the spacing, and first a declared or inferred one if it is not among them. */
export function seasonCandidates({ freq, season }: ContextWindow): number[] {
  const natural = freq.seasonCandidates();
  const own = season > 1 && season <= LONGEST_SEASON && !natural.includes(season) ? [season] : [];
  const candidates = [...own, ...natural].slice(0, CANDIDATES);
  return [...candidates, ...Array.from({ length: CANDIDATES - candidates.length }, () => 0)];
}

/**
 * Puts rows into the space of the network: each standardised in float64 by its own observed values, missing ones 0, and
 * what is shorter than the context padded by 0 on the left.
 *
 * @returns `past_values` and `past_observed_mask` [rows, contextLength], `season_candidates` [rows, 4].
 */
export function toBatch(rows: readonly Row[], contextLength: number): Batch {
  const values = new Float32Array(rows.length * contextLength);
  const mask = new Float32Array(rows.length * contextLength);
  const candidates = new BigInt64Array(rows.length * CANDIDATES);
  const scalers = rows.map(({ target, candidates: seasons }, row) => {
    const context = target.length > contextLength ? target.subarray(target.length - contextLength) : target;
    const scaler = fitScaler(context);
    const start = (row + 1) * contextLength - context.length;
    for (let i = 0; i < context.length; i++) {
      const value = context[i]!;
      if (Number.isNaN(value)) continue;
      values[start + i] = (value - scaler.loc) / scaler.scale;
      mask[start + i] = 1;
    }
    seasons.forEach((season, i) => (candidates[row * CANDIDATES + i] = BigInt(season)));
    return scaler;
  });
  const dims = [rows.length, contextLength];
  const inputs: Tensors = {
    past_values: { dtype: 'float32', dims, data: values },
    past_observed_mask: { dtype: 'float32', dims, data: mask },
    season_candidates: { dtype: 'int64', dims: [rows.length, CANDIDATES], data: candidates },
  };
  return { inputs, scalers };
}

/**
 * Brings quantiles back into the units of each row, in float64: a counter near 1e12 keeps its last digits.
 *
 * @param output rows × steps × levels in the space of the network.
 * @returns one array of steps × levels a row, ascending within a step; undefined when a value is not finite.
 */
export function fromBatch(
  output: Float32Array,
  scalers: readonly Scaler[],
  levels: number,
): Float64Array[] | undefined {
  const size = output.length / scalers.length;
  const rows = scalers.map((scaler, row) => fromRow(output.subarray(row * size, (row + 1) * size), scaler, levels));
  return rows.every((row) => row !== undefined) ? rows : undefined;
}

// One pass over a million values for a thousand windows: it runs on the thread that serves.
function fromRow(output: Float32Array, { loc, scale }: Scaler, levels: number): Float64Array | undefined {
  const quantiles = new Float64Array(output.length);
  let crossing = false;
  // Finite only if all are: a few thousand values of float32 can't overflow a double.
  let sum = 0;
  for (let start = 0; start < output.length; start += levels) {
    let before = Number.NEGATIVE_INFINITY;
    for (let i = start; i < start + levels; i++) {
      const value = output[i]!;
      if (value < before) crossing = true;
      sum += value;
      quantiles[i] = loc + scale * value;
      before = value;
    }
  }
  if (!Number.isFinite(sum)) return undefined;
  return crossing ? sortQuantiles(quantiles, levels) : quantiles;
}
