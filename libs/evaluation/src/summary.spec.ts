import type { ForecastScores } from './metrics.js';
import { summarise } from './summary.js';

const scores = (WQL: number, MASE: number, coverage = 0.8): ForecastScores => ({
  WQL,
  MASE,
  scaledWQL: WQL,
  sMAPE: 0,
  MSE: 0,
  MAE: 0,
  coverage: { 80: coverage, 95: coverage },
  width: { 80: 1, 95: 2 },
  windows: 1,
  sumAbsTarget: 1,
});

describe('summarise', () => {
  const summary = summarise(
    {
      one: { textbook: scores(1, 1), 'seasonal-naive': scores(0.5, 1), ttm: scores(0.5, 0.8, 0.7) },
      two: { textbook: scores(2, 1), 'seasonal-naive': scores(1, 1), ttm: scores(4, 0.2, 0.9) },
    },
    { reference: 'textbook', served: 'seasonal-naive' },
  );

  it('takes the geometric mean of the ratios', () => {
    expect(summary.relative['ttm']!.WQL).toBeCloseTo(Math.sqrt(0.5 * 2), 12);
    expect(summary.relative['ttm']!.MASE).toBeCloseTo(0.4, 12);
    expect(summary.relative['textbook']!.WQL).toBe(1);
    expect(summary.relative['seasonal-naive']!.WQL).toBeCloseTo(0.5, 12);
  });

  it('tells the same to the seasonal naive that serves', () => {
    expect(summary.relative_to_served_seasonal_naive['ttm']!.WQL).toBeCloseTo(2, 12);
    expect(summary.relative_to_served_seasonal_naive['seasonal-naive']!.WQL).toBe(1);
  });

  it('names the sets that are worse than the reference', () => {
    expect(summary.worse_than_seasonal_naive).toEqual({ textbook: [], 'seasonal-naive': [], ttm: ['two'] });
  });

  it('averages coverage', () => {
    expect(summary.coverage['ttm']![80]).toBeCloseTo(0.8, 12);
  });
});
