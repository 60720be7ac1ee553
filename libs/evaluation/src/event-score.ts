import { labelledSegments } from './vus.js';

/** Tolerance of the RePAD and RoLA papers, in points on both sides of an anomaly. */
export const EVENT_TOLERANCE = 7;

/** How well flagged points and labelled events agree. Parts without a denominator are NaN. */
export interface EventScores {
  readonly events: number;
  readonly eventsFound: number;
  /** Runs of flagged points. */
  readonly alarms: number;
  /** Flagged points near an event, by flagged points: a detector that fires for ever is not precise. */
  readonly precision: number;
  /** Events found, by events. */
  readonly recall: number;
  readonly f1: number;
  /** Mean points from the first point of an event to its first alarm, over events found; negative is early. */
  readonly delay: number;
}

/**
 * Precision, recall and F1 by event: a flagged point is right, and an event [A, B] found, within [A − K, B + K] (RePAD,
 * Lee et al. 2020, §5). Nothing is point-adjusted: one hit does not turn the other points of an event into hits.
 */
export function eventScores(labels: Uint8Array, flagged: Uint8Array, tolerance = EVENT_TOLERANCE): EventScores {
  const events = labelledSegments(labels);
  const near = new Uint8Array(labels.length);
  let found = 0;
  let delays = 0;
  for (const [first, last] of events) {
    const [from, to] = [Math.max(0, first - tolerance), Math.min(labels.length, last + tolerance + 1)];
    near.fill(1, from, to);
    const hit = flagged.subarray(from, to).indexOf(1);
    if (hit < 0) continue;
    found++;
    delays += from + hit - first;
  }

  const points = flagged.reduce((sum, flag) => sum + flag, 0);
  const right = flagged.reduce((sum, flag, i) => sum + flag * near[i]!, 0);
  const precision = right / points;
  const recall = found / events.length;
  return {
    events: events.length,
    eventsFound: found,
    alarms: labelledSegments(flagged).length,
    precision,
    recall,
    // Silence where something happens, or alarms where nothing does, is worth nothing.
    f1:
      points + events.length === 0
        ? Number.NaN
        : right * found === 0
          ? 0
          : (2 * precision * recall) / (precision + recall),
    delay: delays / found,
  };
}
