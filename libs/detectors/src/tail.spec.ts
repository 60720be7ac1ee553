import { Random } from './random.js';
import { StateReader, StateWriter } from './state.js';
import { Tail } from './tail.js';

describe('Tail', () => {
  it('agrees with counting the scores that are at least as large', () => {
    const tail = new Tail(100, 1);
    const random = new Random(7);
    const past: number[] = [];
    for (let i = 0; i < 100; i++) {
      // Ten values, more than 2.3 % apart, so that none shares a code with its neighbour.
      const score = 1 + random.below(10);
      const larger = past.filter((other) => other >= score).length;

      expect(tail.surprise(score)).toBeCloseTo(-Math.log10((larger + 1) / (past.length + 1)), 12);
      past.push(score);
    }
  });

  it('finds nothing surprising in what never changes', () => {
    const tail = new Tail(50, 1);
    for (let i = 0; i < 200; i++) expect(tail.surprise(3)).toBe(0);
  });

  it('is most surprised by the largest score, at any scale', () => {
    for (const scale of [1e-300, 1, 1e300]) {
      const tail = new Tail(1000, 1);
      for (let i = 0; i < 999; i++) tail.surprise(scale * (1 + (i % 7)));

      expect(tail.surprise(scale * 100)).toBeCloseTo(3, 12);
      expect(tail.surprise(scale * 3)).toBeLessThan(0.2);
    }
  });

  it('forgets when it is full, so that a new normal becomes one', () => {
    const tail = new Tail(100, 1);
    for (let i = 0; i < 100; i++) tail.surprise(1);
    const first = tail.surprise(50);
    for (let i = 0; i < 1000; i++) tail.surprise(50);

    expect(first).toBeCloseTo(2, 1);
    expect(tail.surprise(50)).toBe(0);
    expect(tail.surprise(1)).toBe(0);
  });

  it('takes zero, NaN, infinity and subnormal scores', () => {
    const tail = new Tail(10, 1);
    for (const score of [0, Number.NaN, Number.POSITIVE_INFINITY, 5e-324, Number.MAX_VALUE, -1]) {
      expect(Number.isFinite(tail.surprise(score))).toBe(true);
    }
  });

  it('goes on from a snapshot bit for bit', () => {
    const [one, other] = [new Tail(20, 5), new Tail(20, 5)];
    for (let i = 0; i < 60; i++) one.surprise((i * 7) % 11);
    const to = new StateWriter();
    one.save(to);
    other.load(new StateReader(to.finish()));

    for (let i = 0; i < 60; i++) expect(other.surprise(i % 13)).toBe(one.surprise(i % 13));
  });
});
