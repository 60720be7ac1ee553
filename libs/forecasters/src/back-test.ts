import type { ContextWindow } from '@app/series';
import { observedPoints } from './observed-points.js';

/** Steps of a trial: enough to tell models apart, and no more than a run of a network. */
const STEPS = { least: 12, most: 96 };
/** Share of a window that its trial takes, at most. */
const MOST_SHARE = 1 / 3;

/** A window cut short, and what then came. */
export interface Trial {
  /** Index of the window. */
  readonly index: number;
  readonly window: ContextWindow;
  /** NaN where missing. */
  readonly actual: Float64Array;
}

/**
 * Cuts off the last stretch of each window, to see how models would have forecast it: as long as the horizon, but of 12
 * to 96 steps, and no more than a third of the window. Windows of fewer than 36 points, or that would be left with too few
 * observed ones, have no trial.
 *
 * One stretch: on held-out series of the corpus weights from the mean of three stretches were worse than from the last.
 *
 * @param fewest observed points that must remain.
 */
export function trialsOf(windows: readonly ContextWindow[], horizon: number, fewest: number): Trial[] {
  const wanted = Math.min(Math.max(horizon, STEPS.least), STEPS.most);
  return windows.flatMap((window, index) => {
    const { target, freq, cutoff, timeZone } = window;
    const steps = Math.min(wanted, Math.floor(target.length * MOST_SHARE));
    if (steps < STEPS.least) return [];
    const origin = target.length - steps;
    const before = { ...window, target: target.slice(0, origin), cutoff: freq.addTo(cutoff, -steps, timeZone) };
    const actual = target.subarray(origin);
    if (observedPoints(before) < fewest || actual.every(Number.isNaN)) return [];
    return [{ index, window: before, actual }];
  });
}
