import { pearson, RecentRows } from './correlation.js';
import { ship } from './fixtures/ship.js';
import { majorityVote } from './majority-vote.js';
import { Rola, rolaDefaults, type RolaOptions } from './rola.js';

describe('pearson', () => {
  it('is ±1 for lines and agrees with the textbook formula', () => {
    const x = Float64Array.of(1, 2, 3, 5);
    expect(
      pearson(
        x,
        x.map((v) => 3 * v + 1),
      ),
    ).toBeCloseTo(1, 12);
    expect(
      pearson(
        x,
        x.map((v) => -v),
      ),
    ).toBeCloseTo(-1, 12);

    const y = Float64Array.of(2, 1, 4, 3);
    const sum = (f: (i: number) => number) => [0, 1, 2, 3].reduce((total, i) => total + f(i), 0);
    const [sx, sy, sxy] = [sum((i) => x[i]!), sum((i) => y[i]!), sum((i) => x[i]! * y[i]!)];
    const [sxx, syy] = [sum((i) => x[i]! ** 2), sum((i) => y[i]! ** 2)];
    expect(pearson(x, y)).toBeCloseTo((4 * sxy - sx * sy) / Math.sqrt((4 * sxx - sx ** 2) * (4 * syy - sy ** 2)), 12);
  });

  it('is over the rows in which both have a value', () => {
    const [x, y] = [Float64Array.of(1, 2, 3, Number.NaN, 9), Float64Array.of(2, 4, 6, 8, Number.NaN)];
    expect(pearson(x, y)).toBeCloseTo(1, 12);
    expect(pearson(x.subarray(0, 2), y.subarray(0, 2))).toBeNaN();
  });

  it('is undefined for a constant, and finite for huge values', () => {
    const x = Float64Array.of(1, 2, 3, 5);
    expect(pearson(x, new Float64Array(4).fill(0.1))).toBeNaN();
    expect(
      pearson(
        x.map((v) => v * 1e100),
        x.map((v) => v * 1e100),
      ),
    ).toBeCloseTo(1, 12);
  });

  it('forgets the oldest row', () => {
    const rows = new RecentRows(2, 3);
    for (const [a, b] of [
      [9, -9],
      [1, 1],
      [2, 2],
      [3, 3],
    ] as const)
      rows.push(Float64Array.of(a, b));

    expect(rows.correlation(0, 1)).toBeCloseTo(1, 12);
  });
});

describe('majorityVote', () => {
  const always = (coefficient: number) => () => coefficient;

  it('confirms where more partners agree than disagree, and lets none outvote a tie', () => {
    expect(majorityVote(Uint8Array.of(1, 1, 0), always(0.99))[0]).toMatchObject({
      agree: 2,
      disagree: 1,
      confirmed: true,
    });
    expect(majorityVote(Uint8Array.of(1, 0), always(0.99))[0]).toMatchObject({
      agree: 1,
      disagree: 1,
      confirmed: false,
    });
  });

  it('counts strong correlations of either sign only, strictly above .95', () => {
    const fired = Uint8Array.of(1, 1);
    expect(majorityVote(fired, always(-0.96))[0]!.confirmed).toBe(true);
    expect(majorityVote(fired, always(0.95))[0]!.partners).toEqual([]);
    expect(majorityVote(fired, always(Number.NaN))[0]!.confirmed).toBe(false);
  });

  it('asks for no correlation where nothing fires', () => {
    const asked = () => {
      throw new Error('asked');
    };
    expect(majorityVote(new Uint8Array(9), asked)).toEqual([]);
  });
});

describe('Rola', () => {
  const firedAt = (values: readonly Float64Array[], options: Partial<RolaOptions>) => {
    const rola = new Rola({ ...rolaDefaults(9), ...options });
    return values.flatMap((row, t) => (rola.observe(t * 60_000, row).score > 1 ? [t] : []));
  };

  it('finds correlated anomalies (recall ≥ .9, precision ≥ .8) with fewer false alarms than its detectors alone', () => {
    const { values, events } = ship(1, 2600);
    const near = (t: number) => events.some((event) => Math.abs(t - event) <= 7);
    const voted = firedAt(values, {});
    const union = firedAt(values, { vote: false });
    const recall = events.filter((event) => voted.some((t) => Math.abs(t - event) <= 7)).length / events.length;
    const falseAlarms = (fired: number[]) => fired.filter((t) => !near(t)).length;

    expect(recall).toBeGreaterThanOrEqual(0.9);
    expect(1 - falseAlarms(voted) / voted.length).toBeGreaterThanOrEqual(0.8);
    expect(falseAlarms(voted)).toBeLessThan(falseAlarms(union));
  });

  it('tells who voted, with coefficients, predictions and thresholds', () => {
    const { values, events } = ship(2, 700);
    const rola = new Rola(rolaDefaults(9));
    const findings = values.map((row, t) => rola.prepare(t * 60_000, row));
    const report = findings[events[0]!]!;

    expect(report.strangeness).toBeGreaterThan(1);
    const vote = report.fired.find(({ confirmed }) => confirmed)!;
    expect(vote.agree).toBeGreaterThan(vote.disagree);
    expect(Math.abs(vote.partners[0]!.coefficient)).toBeGreaterThan(0.95);
    const channel = report.channels[vote.channel]!;
    expect(channel.aare).toBeGreaterThan(channel.threshold);
    expect(channel.value).toBe(values[events[0]!]![vote.channel]);
  });

  it('does not wait for a channel that is missing', () => {
    const { values, events } = ship(3, 700);
    for (const row of values) row[4] = Number.NaN;

    expect(firedAt(values, {})).toEqual(expect.arrayContaining([expect.any(Number)]));
    expect(firedAt(values, {}).some((t) => Math.abs(t - events[0]!) <= 7)).toBe(true);
  });

  it('reports a channel that is alone only when told so', () => {
    const alone = (isolated: RolaOptions['isolated']) => {
      const rola = new Rola({ ...rolaDefaults(1), isolated });
      return Array.from({ length: 400 }, (_, t) =>
        rola.observe(t, Float64Array.of(50 + Math.sin(t / 20) + (t === 300 ? 20 : 0))),
      ).some(({ score }) => score > 1);
    };

    expect(alone('report-unconfirmed')).toBe(true);
    expect(alone('suppress')).toBe(false);
  });

  it('leaves the row that is judged out of the correlations when told so', () => {
    const { values, events } = ship(2, 700);
    const coefficient = (correlateCurrent: boolean) => {
      const rola = new Rola({ ...rolaDefaults(9), correlateCurrent });
      const findings = values.map((row, t) => rola.prepare(t * 60_000, row));
      return findings[events[0]!]!.fired[0]!.partners[0]!.coefficient;
    };

    expect(coefficient(false)).not.toBe(coefficient(true));
    expect(coefficient(false)).toBeCloseTo(coefficient(true), 2);
  });
});
