import type { Frequency } from './frequency.js';

/** The last points of a series on a regular grid, ready for a forecaster. */
export interface ContextWindow {
  readonly itemId: string;
  readonly channel: string;
  readonly freq: Frequency;
  /** IANA zone in which days and months are counted. */
  readonly timeZone: string;
  /** Points in the main season; 1 for none. */
  readonly season: number;
  /** Time of the last grid point; step 1 of a forecast is one `freq` later. */
  readonly cutoff: number;
  /** One value a grid point, oldest first, in the units of the series; NaN where nothing was observed. Not empty. */
  readonly target: Float64Array;
}

/** Observed points of one series: ascending times in milliseconds, and their values. */
export interface ObservedPoints {
  readonly timestamps: ArrayLike<number>;
  readonly values: ArrayLike<number>;
}

/**
 * Puts observed points on the grid of `freq`: each goes to its nearest slot, the later one wins a slot that two share,
 * and a slot without a point stays NaN — a gap is masked, never invented.
 *
 * @returns at most the last `contextLength` slots, beginning with an observed one, and the time of the last.
 */
export function regularise(
  points: ObservedPoints,
  freq: Frequency,
  timeZone: string,
  contextLength: number,
): Pick<ContextWindow, 'cutoff' | 'target'> {
  const { timestamps, values } = points;
  if (timestamps.length === 0) throw new RangeError('a context needs at least one observed point');

  const cutoff = freq.anchor(timestamps);
  const slots = new Float64Array(contextLength).fill(Number.NaN);
  let first = contextLength;
  for (let i = timestamps.length - 1; i >= 0; i--) {
    const slot = contextLength - 1 + freq.stepsBetween(cutoff, timestamps[i]!, timeZone);
    if (slot < 0) break;
    // Walking backwards, the first one met in a slot is the later one.
    if (slot < contextLength && Number.isNaN(slots[slot]!)) slots[slot] = values[i]!;
    first = Math.min(first, slot);
  }
  return { cutoff, target: slots.slice(first) };
}
