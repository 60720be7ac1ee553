import { AlertBudget } from './alert-budget.js';
import { AlarmGate } from './alarm-gate.js';
import { EventMerger } from './event-merger.js';
import { Random } from './random.js';
import { StateReader, StateWriter } from './state.js';
import { suppressionReason } from './suppression.js';

const HOUR = 3_600_000;
const WEEK = 168 * HOUR;

describe('AlarmGate', () => {
  it('keeps scores at 1 or below through the cool-down, and the strength as it is', () => {
    const gate = new AlarmGate({ threshold: 2, coolDown: 3, smoothing: 0.5 });
    const passed = [1, 4, 4, 4, 4].map((strangeness) => gate.pass(strangeness));

    expect(passed.map(({ score }) => score)).toEqual([0.5, 2, 1, 1, 2]);
    expect(passed.map(({ strength }) => strength)).toEqual([0.5, 2, 2, 2, 2]);
    expect(passed[1]!.severity).toBe(0.25 + 0.5 * (2 - 0.25));
  });
});

describe('AlarmGate with habituation', () => {
  it('asks more of each next alarm, and forgets', () => {
    const gate = new AlarmGate({
      threshold: 1,
      coolDown: 0,
      smoothing: 1,
      habituation: { step: 0.5, points: 100 },
    });
    const scores = [2, 2, 2, 2].map((strangeness) => gate.pass(strangeness).score);

    // 2 / 1, 2 / 1.5 and 2 / 2 but for what a point forgets; then it has had enough.
    expect(scores[0]).toBe(2);
    expect(scores[1]).toBeCloseTo(2 / 1.495, 12);
    expect(scores[2]).toBeGreaterThan(1);
    expect(scores[3]).toBeLessThan(1);
    for (let i = 0; i < 1000; i++) gate.pass(0);
    expect(gate.pass(2).score).toBeCloseTo(2, 3);
  });
});

describe('AlertBudget', () => {
  /** Times of the alerts among hourly scores of `items` items. */
  const alerts = (budget: AlertBudget, hours: number, score: (hour: number) => number) =>
    Array.from({ length: hours }, (_, hour) => hour * HOUR).filter((ts) => budget.admit(ts, score(ts / HOUR)));
  const most = (times: number[]) =>
    Math.max(0, ...times.map((from) => times.filter((ts) => ts >= from && ts < from + WEEK).length));

  it('never gives more than k alerts in any week, not even in a storm', () => {
    const random = new Random(1);
    const storm = (hour: number) => (hour > 500 && hour < 900 ? 50 + random.next() : 3 * random.next());

    expect(most(alerts(new AlertBudget({ alerts: 5 }), 3000, storm))).toBe(5);
  });

  it('spends the budget on the strongest scores', () => {
    const random = new Random(2);
    // One hour in ten is above 1; one in a hundred is strong.
    const score = (hour: number) => (hour % 100 === 50 ? 20 : random.next() < 0.1 ? 1 + random.next() : 0.5);
    const times = alerts(new AlertBudget({ alerts: 2 }), 10_000, score);
    const later = times.filter((ts) => ts > 2000 * HOUR);

    expect(later.filter((ts) => (ts / HOUR) % 100 === 50).length / later.length).toBeGreaterThan(0.6);
  });

  it('gives nothing below a score of 1 however quiet it was', () => {
    expect(alerts(new AlertBudget({ alerts: 10 }), 5000, () => 1)).toEqual([]);
  });

  it('becomes stricter by a false alarm at once, a little looser by a true one, and forgets both', () => {
    const budget = new AlertBudget({ alerts: 1 });
    // The first one is always among the strongest so far; of five, the one that reaches the strongest is.
    for (const score of [2, 3, 4, 5]) budget.admit(0, score);
    expect(budget.bar).toBe(5);
    budget.label(false);
    expect(budget.bar).toBeCloseTo(5 * Math.E, 12);
    budget.label(true);
    expect(budget.bar).toBeLessThan(5 * Math.E);
    budget.admit(3.9 * WEEK, 0);
    // Four scores in 3.9 periods are less than the one alert that a period may have: any of them may be one.
    expect(budget.bar).toBeCloseTo(2 * Math.exp(0.75 * 0.5 ** 3.9), 1);
  });

  it('goes on from a snapshot', () => {
    const [one, other] = [new AlertBudget({ alerts: 3 }), new AlertBudget({ alerts: 3 })];
    alerts(one, 100, (hour) => hour % 7);
    const to = new StateWriter();
    one.save(to);
    other.load(new StateReader(to.finish()));

    for (let hour = 100; hour < 1000; hour++) {
      expect(other.admit(hour * HOUR, hour % 11)).toBe(one.admit(hour * HOUR, hour % 11));
    }
  });

  it('refuses a snapshot of another version, and names both', () => {
    const snapshot = new StateReader(new Uint8Array(Float64Array.of(99).buffer));
    expect(() => new AlertBudget({ alerts: 3 }).load(snapshot)).toThrow(
      'the snapshot is of version 99 of an alert budget, this is version 1',
    );
  });

  it('is not silenced for ever by a time in the far future', () => {
    const budget = new AlertBudget({ alerts: 1 });
    expect(budget.admit(8.64e15, 5)).toBe(true);
    const times = alerts(budget, 2000, (hour) => 2 + (hour % 50));

    expect(most(times)).toBe(1);
    expect(times.length).toBeGreaterThan(3);
  });

  it('refuses a budget of nothing', () => {
    expect(() => new AlertBudget({ alerts: 0 })).toThrow(/must be 1 or more/);
    expect(() => new AlertBudget({ alerts: 1, periodMs: 0 })).toThrow(/above 0/);
    expect(() => new AlertBudget({ alerts: 1, falseShare: 1 })).toThrow(/in \[0, 1\)/);
  });
});

describe('suppressionReason', () => {
  const candidate = { ts: 1000, value: 12, expected: 10, since: 400 };

  it.each([
    [{}, undefined],
    [{ absolute: 3 }, 'absolute'],
    [{ absolute: 2 }, undefined],
    [{ relative: 0.3 }, 'relative'],
    [{ direction: 'below' }, 'direction'],
    [{ direction: 'above' }, undefined],
    [{ minimumDurationMs: 601 }, 'duration'],
    [{ calendar: [{ name: 'release', covers: (ts: number) => ts === 1000 }] }, 'known-event'],
    [{ calendar: [{ name: 'release', covers: (ts: number) => ts !== 1000 }] }, undefined],
  ] as const)('%j: %s', (rules, reason) => {
    expect(suppressionReason(candidate, rules)).toBe(reason);
  });

  it('lets an anomaly pass whose expected value nobody knows', () => {
    expect(suppressionReason({ ...candidate, expected: undefined }, { absolute: 100, direction: 'below' })).toBe(
      undefined,
    );
  });
});

describe('EventMerger', () => {
  it('merges points that are no farther apart than the gap', () => {
    const merger = new EventMerger(2);
    const scores = [0, 3, 0, 5, 2, 0, 0, 0, 4];
    const closed = scores.map((score, ts) => merger.observe(ts, score > 1, score)).filter(Boolean);

    expect(closed).toEqual([{ from: 1, to: 4, peakTs: 3, peakScore: 5, points: 3 }]);
    expect(merger.current).toMatchObject({ from: 8, points: 1 });
  });

  it('keeps the open event in a snapshot', () => {
    const [one, other] = [new EventMerger(5), new EventMerger(5)];
    one.observe(1, true, 3);
    const to = new StateWriter();
    one.save(to);
    other.load(new StateReader(to.finish()));

    expect(other.current).toEqual(one.current);
  });
});
