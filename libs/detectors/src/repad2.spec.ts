import { AareThreshold, averageAbsoluteRelativeError } from './aare.js';
import { REPAD2_DEFAULTS, RePad2 } from './repad2.js';

describe('averageAbsoluteRelativeError', () => {
  it('divides by the value, and by the floor where the value is smaller', () => {
    // |10 − 8| / 10, |0.5 − 0| / 1, |−4 − (−5)| / 4
    const aare = averageAbsoluteRelativeError(Float64Array.of(10, 0.5, -4), Float64Array.of(8, 0, -5), 1);

    expect(aare).toBeCloseTo((0.2 + 0.5 + 0.25) / 3, 12);
  });
});

describe('AareThreshold', () => {
  it('is the mean and three population deviations of the last window', () => {
    const errors = new AareThreshold(3);
    for (const aare of [100, 1, 2, 3]) errors.push(aare);
    expect(errors.threshold()).toBeCloseTo(2 + 3 * Math.sqrt(2 / 3), 6);

    errors.replaceLast(2);
    expect(errors.threshold()).toBeCloseTo(5 / 3 + 3 * Math.sqrt(2 / 9), 6);
  });

  it('lets an error that is always the same pass', () => {
    const errors = new AareThreshold(1440);
    for (let i = 0; i < 1000; i++) errors.push(0.1);

    expect(errors.threshold()).toBeGreaterThanOrEqual(0.1);
  });
});

/** A day of 288 points. */
const daily = (t: number) => 50 + 10 * Math.sin((2 * Math.PI * t) / 288);

describe('RePad2', () => {
  it('gives its first verdict for the eighth value', () => {
    const detector = new RePad2();
    const ready = Array.from({ length: 10 }, (_, t) => detector.observe(daily(t)).ready);

    expect(ready.indexOf(true)).toBe(7);
  });

  it('finds a spike at once, and seldom anything else', () => {
    const detector = new RePad2();
    const fired: number[] = [];
    for (let t = 0; t < 2000; t++) if (detector.observe(daily(t) + (t === 1500 ? 15 : 0)).anomalous) fired.push(t);

    expect(fired).toContain(1500);
    expect(fired.filter((t) => t > 1000 && (t < 1500 || t > 1510))).toEqual([]);
  });

  it('gives the same verdicts for the same seed', () => {
    const run = (seed: number) => {
      const detector = new RePad2({ ...REPAD2_DEFAULTS, seed });
      return Array.from({ length: 200 }, (_, t) => detector.observe(daily(t)).aare);
    };

    expect(run(1)).toEqual(run(1));
    expect(run(1)).not.toEqual(run(2));
  });

  it('differs from the public variants where the point is judged again', () => {
    const run = (legacyDoublePush: boolean) => {
      const detector = new RePad2({ ...REPAD2_DEFAULTS, legacyDoublePush });
      return Array.from({ length: 400 }, (_, t) => detector.observe(daily(t) + (t % 97 === 0 ? 5 : 0)).threshold);
    };

    expect(run(true)).not.toEqual(run(false));
  });

  it('takes places for inputs when told so, and finds the spike all the same', () => {
    const detector = new RePad2({ ...REPAD2_DEFAULTS, inputs: 'positions' });
    const verdicts = Array.from({ length: 1600 }, (_, t) => detector.observe(daily(t) + (t === 1500 ? 15 : 0)));

    expect(verdicts[1500]!.anomalous).toBe(true);
    expect(verdicts.every(({ aare, threshold }) => Number.isFinite(aare + threshold))).toBe(true);
  });

  it('trains no more than its budget where nothing can be predicted', () => {
    const detector = new RePad2();
    let trainings = 0;
    // Ever larger jumps: each is beyond what the history allows.
    for (let t = 0; t < 3000; t++) {
      detector.observe(t % 2 === 0 ? 1 : 1.2 ** Math.min(t, 1000));
      if (detector.trainedLast) trainings++;
    }

    // 200 at once, and one in ten points.
    expect(trainings).toBeLessThanOrEqual(200 + 300);
  });
});
