import { AlertLedger } from './alert-ledger.js';

const DAY = 86_400_000;
const BUDGET = { alerts: 2, periodMs: 7 * DAY, over: 'item' as const };
const at = (day: number, score: number, eventFrom = day * DAY) => ({
  itemId: 'pump-7',
  ts: day * DAY,
  score,
  eventFrom,
});

describe('AlertLedger', () => {
  it('tells an event once', () => {
    const ledger = new AlertLedger(BUDGET);

    expect([at(1, 2), at(1.01, 9, DAY), at(2, 2)].map((candidate) => ledger.decide(candidate))).toEqual([
      'told',
      'known',
      'told',
    ]);
  });

  it('tells no more events than the budget allows, and more when the period is over', () => {
    const ledger = new AlertLedger(BUDGET);

    expect([1, 2, 3, 4, 8.5].map((day) => ledger.decide(at(day, 2)))).toEqual([
      'told',
      'told',
      'budget',
      'budget',
      'told',
    ]);
  });

  it('asks for more after a false alarm, and forgets that with time', () => {
    const ledger = new AlertLedger(BUDGET);
    ledger.decide(at(1, 1.5));
    ledger.label(false, 1.1 * DAY);

    expect(ledger.decide(at(2, 1.5))).toBe('budget');
    expect(ledger.decide(at(3, 5))).toBe('told');
    expect(ledger.decide(at(60, 1.5))).toBe('told');
  });

  it('goes on from a snapshot, and begins anew with another budget', () => {
    const ledger = new AlertLedger(BUDGET);
    for (const day of [1, 2]) ledger.decide(at(day, 2));
    const snapshot = ledger.snapshot();

    const same = AlertLedger.restore(BUDGET, snapshot);
    expect([at(1, 9), at(3, 9)].map((candidate) => same.decide(candidate))).toEqual(['known', 'budget']);
    expect(same.snapshot()).not.toEqual(snapshot);
    expect(AlertLedger.restore({ ...BUDGET, alerts: 3 }, snapshot).decide(at(3, 9))).toBe('told');
    expect(AlertLedger.restore(BUDGET, new Uint8Array(0)).decide(at(3, 9))).toBe('told');
    expect(AlertLedger.restore(BUDGET, new Uint8Array(Float64Array.of(99).buffer)).decide(at(3, 9))).toBe('told');
  });
});
