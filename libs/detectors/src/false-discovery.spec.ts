import { AlertBudget } from './alert-budget.js';
import { discoveryLevel, rewardWeight, type Discovery } from './false-discovery.js';
import { Random } from './random.js';

const HOUR = 3_600_000;
const WEEK = 168 * HOUR;

describe('discoveryLevel', () => {
  it('agrees with a toy by hand', () => {
    // γ_1 = .07720838·ln 2 / (1·e^0) and γ_3 = .07720838·ln 3 / (3·e^√ln 3).
    expect(rewardWeight(1)).toBeCloseTo(0.0535168, 6);
    expect(rewardWeight(3)).toBeCloseTo(0.0099125, 6);
    const discoveries = [
      { since: 1, memory: 0.5 },
      { since: 3, memory: 0.25 },
    ];
    // .01 + .1·(.5·.0535168 + .25·.0099134)
    expect(discoveryLevel(0.01, 0.1, discoveries)).toBeCloseTo(0.0129237, 6);
    expect(discoveryLevel(0.01, 0.1, [])).toBe(0.01);
    expect(discoveryLevel(2, 0.1, [])).toBe(1);
  });

  it('gives a discovery no more than 1 in all', () => {
    let sum = 0;
    for (let j = 1; j < 1_000_000; j++) sum += rewardWeight(j);

    expect(sum).toBeGreaterThan(0.5);
    expect(sum).toBeLessThanOrEqual(1);
  });

  it('keeps false discoveries below k a period and a share of all', () => {
    const random = new Random(5);
    const [perPeriod, k, share] = [500, 5, 0.2];
    const decay = Math.exp(-1 / perPeriod);
    let [falseOnes, found, sumFalse, sumFound] = [0, 0, 0, 0];
    let made: Discovery[] = [];
    for (let t = 0; t < 100_000; t++) {
      const alternative = random.next() < 0.02;
      const p = random.next() ** (alternative ? 6 : 1);
      const discovered = p <= discoveryLevel(k / perPeriod, share, made);
      made = made.map(({ since, memory }) => ({ since: since + 1, memory: memory * decay }));
      falseOnes = falseOnes * decay + (discovered && !alternative ? 1 : 0);
      found = found * decay + (discovered ? 1 : 0);
      sumFalse += falseOnes;
      sumFound += found;
      if (!discovered) continue;
      made.push({ since: 1, memory: 1 });
      if (made.length > 30) made.shift();
    }

    expect(sumFound).toBeGreaterThan(sumFalse);
    expect(sumFalse / 100_000).toBeLessThan(k + share * (sumFound / 100_000));
  });
});

describe('AlertBudget as false-discovery control', () => {
  it('tests at k by the number of scores a period, and at a little more after an alert', () => {
    const budget = new AlertBudget({ alerts: 2 });
    for (let hour = 0; hour < 10 * 168; hour++) budget.admit(hour * HOUR, 1 + 1 / (hour + 2));
    const quiet = budget.level;
    // 168 scores a week; the two alerts of the first hours are forgotten but for e^−10.
    expect(quiet).toBeCloseTo(2 / 168, 3);

    expect(budget.admit(1680 * HOUR, 50)).toBe(true);
    expect(budget.level - quiet).toBeCloseTo(0.1 * rewardWeight(1), 3);
  });

  it('gives about k alerts a week where all scores are alike', () => {
    const random = new Random(8);
    const budget = new AlertBudget({ alerts: 5 });
    let alerts = 0;
    const weeks = 60;
    for (let hour = 0; hour < weeks * 168; hour++) if (budget.admit(hour * HOUR, 1 + random.next())) alerts++;

    expect(alerts / weeks).toBeGreaterThan(3);
    expect(alerts / weeks).toBeLessThanOrEqual(5.1);
  });

  it('counts scores in the last four periods only, whatever the clock says', () => {
    const budget = new AlertBudget({ alerts: 1 });
    for (let i = 0; i < 100; i++) budget.admit(-3 * WEEK + i, 2);
    expect(budget.level).toBeLessThan(0.02);
    budget.admit(9 * WEEK, 0);
    expect(budget.level).toBe(1);
    expect(budget.bar).toBe(1);
  });
});
