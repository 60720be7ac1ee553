import { ForecastResidual } from './forecast-residual.js';
import { Random } from './random.js';
import { StateReader, StateWriter } from './state.js';

const LEVELS = [0.1, 0.5, 0.9];
const options = { capacity: 2000, threshold: 2, seed: 1 };

describe('ForecastResidual', () => {
  it('has uniform p-values where the interval is wrong but always in the same way', () => {
    const residuals = new ForecastResidual(options);
    const random = new Random(4);
    const pValues: number[] = [];
    // Values are uniform in ±5, the interval is ±1.
    for (let i = 0; i < 4000; i++) {
      const verdict = residuals.observe(10 * random.next() - 5, 1, LEVELS, [-1, 0, 1])!;
      if (i >= 2000) pValues.push(verdict.pValue);
    }

    for (const p of [0.1, 0.5, 0.9]) {
      expect(pValues.filter((value) => value <= p).length / pValues.length).toBeCloseTo(p, 1);
    }
  });

  it('finds what the forecast did not foresee, and names the quantile', () => {
    const residuals = new ForecastResidual(options);
    for (let i = 0; i < 500; i++) residuals.observe(Math.sin(i), 1, LEVELS, [-2, 0, 2]);

    expect(residuals.observe(9, 1, LEVELS, [-2, 0, 2])).toMatchObject({
      score: expect.any(Number),
      violatedLevel: 0.9,
    });
    expect(residuals.observe(9.9, 1, LEVELS, [-2, 0, 2])!.score).toBeGreaterThan(1);
    expect(residuals.observe(-9, 1, LEVELS, [-2, 0, 2])!.violatedLevel).toBe(0.1);
    expect(residuals.observe(0.3, 1, LEVELS, [-2, 0, 2])).toMatchObject({ violatedLevel: undefined });
  });

  it('expects larger errors where the lead is longer', () => {
    const residuals = new ForecastResidual(options);
    for (let i = 0; i < 500; i++) {
      residuals.observe(Math.sin(i), 1, LEVELS, [-1, 0, 1]);
      residuals.observe(9 * Math.sin(i), 24, LEVELS, [-1, 0, 1]);
    }

    expect(residuals.observe(5, 1, LEVELS, [-1, 0, 1])!.score).toBeGreaterThan(1);
    expect(residuals.observe(5, 24, LEVELS, [-1, 0, 1])!.score).toBeLessThan(0.5);
  });

  it('learns nothing from a missing value or forecast, and stays finite without a width', () => {
    const residuals = new ForecastResidual(options);
    expect(residuals.observe(Number.NaN, 1, LEVELS, [0, 1, 2])).toBeUndefined();
    expect(residuals.observe(1, 1, LEVELS, [Number.NaN, 1, 2])).toBeUndefined();
    for (const value of [3, 4, 1e300]) expect(residuals.observe(value, 500, LEVELS, [3, 3, 3])!.score).toBeLessThan(10);
  });

  it('goes on from a snapshot bit for bit', () => {
    const [one, other] = [new ForecastResidual(options), new ForecastResidual(options)];
    const show = (to: ForecastResidual, i: number) => to.observe((i * 7) % 11, (i % 40) + 1, LEVELS, [3, 5, 7]);
    for (let i = 0; i < 300; i++) show(one, i);
    const to = new StateWriter();
    one.save(to);
    other.load(new StateReader(to.finish()));

    for (let i = 0; i < 300; i++) expect(show(other, i)).toEqual(show(one, i));
  });
});
