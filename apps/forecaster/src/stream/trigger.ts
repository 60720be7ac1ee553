import type { StreamPolicy, StreamState } from '@app/persistence';
import { Frequency } from '@app/series';

import { alignedPeriod } from './aligned-period.js';

/** What arrived points come to under a policy. */
export interface Triggered {
  readonly state: StreamState;
  /** Whether a forecast is due now. */
  readonly due: boolean;
}

/**
 * Moves a state over arrived points. Only a point later than all before it counts, so repeats, late and revised values
 * make no forecast, and points that are shown twice count once. However many forecasts the points would have been due
 * for, they are due for one: what it would say of earlier cutoffs nobody waits for.
 *
 * @param times of the points in the order of the log, epoch milliseconds.
 * @param now epoch milliseconds; what `atMostEvery` is measured by.
 */
export function trigger(
  state: StreamState,
  policy: StreamPolicy,
  times: readonly number[],
  timeZone: string,
  now: number,
): Triggered {
  let { points, newest, pending } = state;
  for (const ts of times) {
    if (newest !== null && ts <= newest) continue;
    points++;
    pending ||= policy.everyPoints !== null && points % policy.everyPoints === 0;
    pending ||= policy.align !== null && passes(policy.align, newest, ts, timeZone);
    newest = ts;
  }
  const moved = newest !== state.newest;
  const due = pending && moved && !isTooSoon(policy, state, now);
  return { state: { ...state, points, newest, pending: pending && !due }, due };
}

/** Whether a multiple of the length lies after the one time and not after the other; the first point reaches one only on it. */
function passes(align: string, before: number | null, ts: number, timeZone: string): boolean {
  const length = Frequency.parse(align)!;
  return alignedPeriod(length, ts, timeZone) > alignedPeriod(length, before ?? ts - 1, timeZone);
}

function isTooSoon({ atMostEvery }: StreamPolicy, { forecastAt }: StreamState, now: number): boolean {
  if (atMostEvery === null || forecastAt === null) return false;
  return now < Frequency.parse(atMostEvery)!.addTo(forecastAt, 1);
}
