import { magnitudeOf, restoreMagnitude } from './magnitude.js';

describe('magnitudeOf', () => {
  it.each([
    [[0, 0], 1],
    [[0.001, 5], 1],
    [[1e12], 1],
    [[Number.NaN, -3e-12], 2 ** -39],
    [[1e200], 2 ** 664],
    [[Number.MIN_VALUE], 2 ** -1000],
    [[-Number.MAX_VALUE], 2 ** 1000],
  ])('of %p is %p', (target, expected) => {
    expect(magnitudeOf(Float64Array.from(target))).toBe(expected);
  });

  it('loses no digit', () => {
    const value = 1.234567890123456e-12;
    const magnitude = magnitudeOf(Float64Array.of(value));
    expect(restoreMagnitude(Float64Array.of(value / magnitude), magnitude)[0]).toBe(value);
  });
});

describe('restoreMagnitude', () => {
  it('keeps what would overflow finite', () => {
    expect([...restoreMagnitude(Float64Array.of(8, -8), 2 ** 1022)]).toEqual([
      Number.MAX_VALUE / 4,
      -Number.MAX_VALUE / 4,
    ]);
  });
});
