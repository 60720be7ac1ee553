import type { StreamPolicy, StreamState } from '@app/persistence';

import { trigger } from './trigger.js';

const MINUTE = 60_000;
const START = Date.UTC(2026, 0, 1, 0, 1);
const NEW: StreamState = {
  policyId: 'p',
  seriesId: 1,
  points: 0,
  newest: null,
  pending: false,
  forecastAt: null,
  cutoff: null,
};

function policy(given: Partial<StreamPolicy>): StreamPolicy {
  return {
    policyId: 'p',
    name: 'p',
    selector: {},
    horizon: 1,
    model: 'auto',
    everyPoints: null,
    align: null,
    atMostEvery: null,
    enabled: true,
    createdAt: new Date(0),
    ...given,
  };
}

/** Shows points one by one; gives the minutes at which a forecast was due, each made at once. */
function dueMinutes(given: StreamPolicy, minutes: readonly number[], zone = 'UTC', secondsApart = 60): number[] {
  let state = NEW;
  return minutes.filter((minute, i) => {
    const now = START + i * secondsApart * 1_000;
    const triggered = trigger(state, given, [START + minute * MINUTE], zone, now);
    state = triggered.due ? { ...triggered.state, forecastAt: now } : triggered.state;
    return triggered.due;
  });
}

const MINUTES = Array.from({ length: 12 }, (_, i) => i);

describe('trigger', () => {
  it('is due on every n-th point; repeats and late points do not count', () => {
    expect(dueMinutes(policy({ everyPoints: 3 }), MINUTES)).toEqual([2, 5, 8, 11]);
    expect(dueMinutes(policy({ everyPoints: 3 }), [0, 0, 1, 0, 1, 2, 3])).toEqual([2]);
    expect(dueMinutes(policy({ everyPoints: 1 }), [0, 1, 2])).toEqual([0, 1, 2]);
  });

  it('is due for one forecast however many points come at once, and keeps counting from there', () => {
    const times = MINUTES.slice(0, 8).map((minute) => START + minute * MINUTE);
    const { state, due } = trigger(NEW, policy({ everyPoints: 3 }), times, 'UTC', START);
    expect([due, state.points, state.pending, state.newest]).toEqual([true, 8, false, START + 7 * MINUTE]);
    expect(trigger(state, policy({ everyPoints: 3 }), [START + 8 * MINUTE], 'UTC', START).due).toBe(true);
  });

  it('shows the same points twice without effect', () => {
    const times = [START, START + MINUTE];
    const { state } = trigger(NEW, policy({ everyPoints: 3 }), times, 'UTC', START);
    expect(trigger(state, policy({ everyPoints: 3 }), times, 'UTC', START)).toEqual({ state, due: false });
  });

  it('waits for at_most_every, and then the next point is enough', () => {
    expect(dueMinutes(policy({ everyPoints: 2, atMostEvery: 'PT3M' }), MINUTES)).toEqual([1, 4, 7, 10]);
  });

  it('is due when the newest time reaches or passes a multiple of align', () => {
    // The first point lies at 00:01.
    expect(dueMinutes(policy({ align: 'PT5M' }), MINUTES)).toEqual([4, 9]);
    expect(dueMinutes(policy({ align: 'PT5M' }), [0, 3, 5, 6, 14])).toEqual([5, 14]);
    expect(dueMinutes(policy({ align: 'PT5M' }), [4, 5])).toEqual([4]);
  });

  it('counts days on the wall clock of the series', () => {
    const untilMidnight = [-62, -61, -2, -1, 0];
    expect(dueMinutes(policy({ align: 'P1D' }), untilMidnight)).toEqual([-1]);
    expect(dueMinutes(policy({ align: 'P1D' }), untilMidnight, 'Europe/Berlin')).toEqual([-61]);
  });
});
