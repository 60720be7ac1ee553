import { CANONICAL_LEVELS, normalQuantile } from '@app/series';

import { ForecastScorer, pinball } from './metrics.js';

/** One step whose quantiles are those of a normal distribution. */
const normalStep = (loc: number, scale: number) => CANONICAL_LEVELS.map((level) => loc + scale * normalQuantile(level));
const forecast = (...steps: [loc: number, scale: number][]) => ({
  mean: Float64Array.from(steps, ([loc]) => loc),
  quantiles: Float64Array.from(steps.flatMap(([loc, scale]) => normalStep(loc, scale))),
});

describe('pinball', () => {
  it('weighs falling short by the level and overshooting by the rest', () => {
    expect(pinball(10, 8, 0.9)).toBeCloseTo(1.8, 12);
    expect(pinball(8, 10, 0.9)).toBeCloseTo(0.2, 12);
  });
});

describe('ForecastScorer', () => {
  it('gives the numbers of a toy computed by hand', () => {
    const scorer = new ForecastScorer(1);
    // Context moves by 2 a step: the seasonal-naive error is 2. A sharp forecast of 10 and 12 meets 11 and 8.
    scorer.add(Float64Array.of(1, 3, 5, 7), Float64Array.of(11, 8), forecast([10, 0], [12, 0]));
    const scores = scorer.scores();

    expect(scores.MAE).toBeCloseTo((1 + 4) / 2, 12);
    expect(scores.MSE).toBeCloseTo((1 + 16) / 2, 12);
    expect(scores.MASE).toBeCloseTo(2.5 / 2, 12);
    expect(scores.sMAPE).toBeCloseTo((200 / 21 + 800 / 20) / 2, 12);
    // With all quantiles in one point, 2 · pinball averaged over symmetric levels is the absolute error.
    expect(scores.WQL).toBeCloseTo(5 / 19, 12);
    expect(scores.scaledWQL).toBeCloseTo(2.5 / 2, 12);
    expect(scores.coverage).toEqual({ 80: 0, 95: 0 });
    expect(scores.width).toEqual({ 80: 0, 95: 0 });
  });

  it('agrees with a second computation from the definition of WQL over several windows', () => {
    const windows = [
      { y: [3, 5], f: forecast([2, 1], [6, 2]) },
      { y: [-4, 0.5], f: forecast([-3, 0.5], [1, 3]) },
    ];
    const scorer = new ForecastScorer(1);
    for (const { y, f } of windows) scorer.add(Float64Array.of(0, 1, 0), Float64Array.from(y), f);

    const levels = CANONICAL_LEVELS.filter((level) => level >= 0.1 && level <= 0.9);
    const perLevel = levels.map((level) => {
      const column = CANONICAL_LEVELS.indexOf(level);
      const losses = windows.flatMap(({ y, f }) =>
        y.map((value, step) => {
          const q = f.quantiles[step * 13 + column]!;
          return value >= q ? level * (value - q) : (1 - level) * (q - value);
        }),
      );
      return (2 * losses.reduce((a, b) => a + b)) / (3 + 5 + 4 + 0.5);
    });
    expect(scorer.scores().WQL).toBeCloseTo(perLevel.reduce((a, b) => a + b) / 9, 12);
  });

  it('counts what falls inside the intervals', () => {
    const scorer = new ForecastScorer(1);
    scorer.add(Float64Array.of(0, 1), Float64Array.of(0, 1.5, 3), forecast([0, 1], [0, 1], [0, 1]));

    expect(scorer.scores().coverage).toEqual({ 80: 1 / 3, 95: 2 / 3 });
    expect(scorer.scores().width[80]).toBeCloseTo((3 * 2 * 1.2815515655446004) / 4.5, 6);
  });

  it('passes over missing targets', () => {
    const scorer = new ForecastScorer(1);
    scorer.add(Float64Array.of(0, 2), Float64Array.of(Number.NaN, 1), forecast([50, 1], [1, 0]));

    expect(scorer.scores().MAE).toBe(0);
    expect(scorer.scores().sumAbsTarget).toBe(1);
  });

  it('leaves a context without a scale out of the scaled scores only', () => {
    const scorer = new ForecastScorer(1);
    scorer.add(Float64Array.of(5, 5, 5), Float64Array.of(6), forecast([5, 0]));
    expect(scorer.scores().MASE).toBeNaN();

    scorer.add(Float64Array.of(1, 2), Float64Array.of(3), forecast([2, 0]));
    expect(scorer.scores().MASE).toBe(1);
    expect(scorer.scores().windows).toBe(2);
  });
});
