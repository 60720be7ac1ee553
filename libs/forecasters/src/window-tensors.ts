import { fitScaler, sortQuantiles, type ContextWindow, type Scaler } from '@app/series';

/** Seasons that one row names. */
const CANDIDATES = 4;
/** Longest lag that the networks look at; a longer one can't repeat within their context. */
const LONGEST_SEASON = 384;

/** Contexts in the space of a network, and the way back. */
export interface Standardised {
  /** Contexts × length, 0 where missing. */
  readonly values: Float32Array;
  /** Contexts × length, 1 where observed. */
  readonly mask: Float32Array;
  /** One a context. */
  readonly scalers: readonly Scaler[];
}

/** The seasons that a network may look for: those of the spacing, and first a declared or inferred one if it is not among them. */
export function seasonCandidates({ freq, season }: Pick<ContextWindow, 'freq' | 'season'>): number[] {
  const natural = freq.seasonCandidates();
  const own = season > 1 && season <= LONGEST_SEASON && !natural.includes(season) ? [season] : [];
  const candidates = [...own, ...natural].slice(0, CANDIDATES);
  return [...candidates, ...Array.from({ length: CANDIDATES - candidates.length }, () => 0)];
}

/**
 * Puts contexts into the space of a network: each standardised in float64 by its own observed values, missing ones 0, and
 * what is shorter than `length` padded by 0 on the left.
 *
 * @param contexts NaN where missing; of each only the last `length` points are used. An empty one is all padding.
 */
export function standardise(contexts: readonly Float64Array[], length: number): Standardised {
  const values = new Float32Array(contexts.length * length);
  const mask = new Float32Array(contexts.length * length);
  const scalers = contexts.map((whole, row) => {
    const context = whole.length > length ? whole.subarray(whole.length - length) : whole;
    // Where the network would see nothing at all, the series before still says where it lies and how far it goes.
    const scaler = fitScaler(context.some((value) => !Number.isNaN(value)) ? context : whole);
    const start = (row + 1) * length - context.length;
    for (let i = 0; i < context.length; i++) {
      const value = context[i]!;
      if (Number.isNaN(value)) continue;
      values[start + i] = (value - scaler.loc) / scaler.scale;
      mask[start + i] = 1;
    }
    return scaler;
  });
  return { values, mask, scalers };
}

/**
 * Brings quantiles, or points, back into the units of each context, in float64: a counter near 1e12 keeps its last digits.
 *
 * @param output contexts × steps × levels in the space of the network.
 * @param levels 13 quantiles or 1 point a step.
 * @returns one array of steps × levels a context, ascending within a step; undefined when a value is not finite.
 */
export function restore(output: Float32Array, scalers: readonly Scaler[], levels: number): Float64Array[] | undefined {
  const size = output.length / scalers.length;
  const rows = scalers.map((scaler, row) => restoreRow(output.subarray(row * size, (row + 1) * size), scaler, levels));
  return rows.every((row) => row !== undefined) ? rows : undefined;
}

// One pass over a million values for a thousand windows: it runs on the thread that serves.
function restoreRow(output: Float32Array, { loc, scale }: Scaler, levels: number): Float64Array | undefined {
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
