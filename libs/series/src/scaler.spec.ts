import { fitScaler } from './scaler.js';

describe('fitScaler', () => {
  it('is the mean and population standard deviation of what was observed', () => {
    expect(fitScaler(Float64Array.of(2, 4, Number.NaN, 4, 4, 5, 5, 7, 9))).toEqual({ loc: 5, scale: 2 });
  });

  it('keeps the last digits of a counter near 1e12', () => {
    const { loc, scale } = fitScaler(Float64Array.of(1e12 + 1, 1e12 + 2, 1e12 + 3));

    expect(loc).toBe(1e12 + 2);
    expect(scale).toBeCloseTo(Math.sqrt(2 / 3), 12);
  });

  it.each([
    ['a constant', [5, 5, 5], { loc: 5, scale: 5e-13 }],
    ['zeros', [0, 0], { loc: 0, scale: 1e-30 }],
    ['nothing observed', [Number.NaN], { loc: 0, scale: 1 }],
  ])('has a positive scale for %s', (_, values, expected) => {
    expect(fitScaler(Float64Array.from(values))).toEqual(expected);
  });
});
