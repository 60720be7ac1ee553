import { CANONICAL_LEVELS, normalQuantile } from '@app/series';
import {
  applyCalibration,
  CONFORMAL_DEFAULTS,
  ConformalCalibrator,
  conformalScores,
  fewestScores,
  PAIR_COVERAGES,
  reachOf,
  UNBOUNDED,
} from './conformal.js';
import { countCrossings } from './non-crossing.js';
import { seededRandom } from './random.js';
import { RecentScores } from './recent-scores.js';

const NORMAL = Float64Array.from(CANONICAL_LEVELS, normalQuantile);
/** Quantiles of a uniform distribution on [0, 1]: the 80 % interval is 0.8 wide. */
const UNIFORM = Float64Array.from(CANONICAL_LEVELS);
const STILL = { window: 1_000, halfLife: Number.POSITIVE_INFINITY, adaptation: 0 };

function normalNoise(seed: number): () => number {
  const random = seededRandom(seed);
  return () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

describe('conformal scores', () => {
  it('say how far outside an interval an actual lies, in widths of the 80 % interval', () => {
    const scores = conformalScores(1.3, UNIFORM);
    expect(PAIR_COVERAGES).toEqual([0.95, 0.9, 0.8, 0.6, 0.4, 0.2]);
    expect(scores[0]).toBeCloseTo((1.3 - 0.975) / 0.8, 12);
    expect(scores[2]).toBeCloseTo((1.3 - 0.9) / 0.8, 12);
    expect(conformalScores(0.5, UNIFORM)[2]).toBeCloseTo(-0.5, 12);
  });

  it('stay finite where the interval has no width', () => {
    const flat = new Float64Array(13).fill(5);
    expect(conformalScores(5, flat)[0]).toBeCloseTo(0, 12);
    expect(conformalScores(6, flat)[0]).toBe(100);
  });
});

describe('the conformal quantile', () => {
  it('is the ⌈(n + 1)·coverage⌉-th smallest of equally weighted scores', () => {
    const scores = new RecentScores(100, Number.POSITIVE_INFINITY);
    for (const score of [7, 3, 9, 1, 5, 8, 2, 6, 4]) scores.add(score);
    // n = 9: ⌈10 · 0.8⌉ = 8, ⌈10 · 0.55⌉ = 6, ⌈10 · 0.9⌉ = 9, and 0.95 asks for a tenth score.
    expect([0.8, 0.55, 0.9, 0.95].map((coverage) => scores.conformalQuantile(coverage))).toEqual([
      8,
      6,
      9,
      Number.POSITIVE_INFINITY,
    ]);
  });

  it('by hand with weights: 1, ½, ¼ of age and 1 for the score to come', () => {
    const scores = new RecentScores(100, 1);
    for (const score of [10, 20, 30]) scores.add(score);
    // Weights ¼, ½, 1 and 1: a share of 0.27 is 0.7425 ≤ ¼ + ½, one of 0.28 is 0.77 and reaches to 30.
    expect(scores.conformalQuantile(0.27)).toBe(20);
    expect(scores.conformalQuantile(0.28)).toBe(30);
  });

  it('by hand, what lies up to a score, and how many equal ones it is worth', () => {
    const scores = new RecentScores(100, 1);
    for (const score of [10, 20, 30]) scores.add(score);
    const { share, count } = scores.shareUpTo(20);
    expect(share).toBeCloseTo((1 / 4 + 1 / 2) / 1.75, 12);
    expect(count).toBeCloseTo(1.75 ** 2 / (1 / 16 + 1 / 4 + 1), 12);
    expect(scores.shareUpTo(9).share).toBe(0);
    // Steps of one forecast count as one: two of forecast 0 with ¼ and ½, one of forecast 1 with 1.
    const clustered = new RecentScores(100, 1);
    for (const [score, origin] of [
      [10, 0],
      [20, 0],
      [30, 1],
    ] as const)
      clustered.add(score, origin);
    expect(clustered.shareUpTo(20).count).toBeCloseTo(1.75 ** 2 / (0.75 ** 2 + 1), 12);
  });

  it('forgets the oldest when full', () => {
    const scores = new RecentScores(3, Number.POSITIVE_INFINITY);
    for (const score of [100, 1, 2, 3]) scores.add(score);
    expect([scores.count, scores.largest]).toEqual([3, 3]);
  });
});

describe('ConformalCalibrator', () => {
  it('moves intervals that are too wide in, and too narrow ones out, to the spread that came', () => {
    for (const spread of [0.5, 2]) {
      const noise = normalNoise(5);
      const calibrator = new ConformalCalibrator(STILL);
      for (let i = 0; i < 1_000; i++) calibrator.add(spread * noise(), NORMAL);
      const calibrated = applyCalibration(NORMAL.slice(), calibrator.calibration());
      expect(calibrated[10]! / NORMAL[10]!).toBeGreaterThan(0.92 * spread);
      expect(calibrated[10]! / NORMAL[10]!).toBeLessThan(1.08 * spread);
    }
  });

  it('keeps the promise of split conformal prediction: mean coverage in [c, c + 1/(n + 1)] over many calibrations', () => {
    const noise = normalNoise(17);
    let inside = 0;
    const trials = 2_000;
    for (let trial = 0; trial < trials; trial++) {
      const calibrator = new ConformalCalibrator(STILL);
      for (let i = 0; i < 24; i++) calibrator.add(3 * noise(), NORMAL);
      const calibrated = applyCalibration(NORMAL.slice(), calibrator.calibration());
      const actual = 3 * noise();
      if (actual >= calibrated[2]! && actual <= calibrated[10]!) inside++;
    }
    // c = 0.8, n = 24; four standard errors of the count.
    expect(inside / trials).toBeGreaterThan(0.8 - 4 * Math.sqrt(0.16 / trials));
    expect(inside / trials).toBeLessThan(0.84 + 4 * Math.sqrt(0.16 / trials));
  });

  it('leaves an interval alone that covers what it promises, as far as chance lets one tell', () => {
    const noise = normalNoise(23);
    let [alone, inside] = [0, 0];
    const trials = 1_000;
    for (let trial = 0; trial < trials; trial++) {
      const calibrator = new ConformalCalibrator();
      for (let i = 0; i < 200; i++) calibrator.add(noise(), NORMAL);
      const calibration = calibrator.calibration();
      if (calibration.offsets[2] === 0) alone++;
      const served = applyCalibration(NORMAL.slice(), calibration);
      const actual = noise();
      if (actual >= served[2]! && actual <= served[10]!) inside++;
    }
    // A share lies within one standard error of its mean in 68 of 100 cases; adaptation takes a few more.
    expect(alone / trials).toBeGreaterThan(0.6);
    expect(Math.abs(inside / trials - 0.8)).toBeLessThan(4 * Math.sqrt(0.16 / trials));
  });

  it('states the fewest scores that can vouch for a coverage', () => {
    expect([0.8, 0.9, 0.95].map(fewestScores)).toEqual([4, 9, 19]);
  });

  it('with fewer never narrows, and reaches beyond the farthest score', () => {
    const calibrator = new ConformalCalibrator();
    expect(calibrator.calibration()).toMatchObject({ scores: 0, offsets: [0, 0, 0, 0, 0, 0] });
    calibrator.add(0, NORMAL);
    calibrator.add(0.1, NORMAL);
    expect(calibrator.calibration().offsets.slice(0, 3)).toEqual([0, 0, 0]);
    calibrator.add(4, NORMAL);
    const { offsets } = calibrator.calibration();
    const [outer, , inner] = conformalScores(4, NORMAL);
    expect(offsets[0]!).toBeGreaterThan(outer!);
    expect(offsets[2]!).toBeGreaterThan(inner!);
  });

  it('moves no end out beyond what the series has shown by more than half its range, but for what the model said', () => {
    const reach = reachOf([10, Number.NaN, 30]);
    expect(reach).toEqual({ low: 0, high: 40 });
    const offsets = [9, 9, 9, 0, 0, 0];
    const around = (centre: number) => NORMAL.map((quantile) => centre + quantile);
    const bounded = applyCalibration(around(20), { offsets }, reach);
    expect([bounded[0], bounded[2], bounded[10], bounded[12]]).toEqual([0, 0, 40, 40]);
    // A forecast that leaves the range by itself keeps its own ends there.
    const above = applyCalibration(around(41), { offsets }, reach);
    expect(above[12]).toBe(41 + NORMAL[12]!);
    expect(above[0]).toBeLessThan(41 + 9 * NORMAL[0]!);
    expect([reachOf([]), reachOf([5, 5])]).toEqual([UNBOUNDED, UNBOUNDED]);
  });

  it('no crossing leaves a calibration, however odd its offsets', () => {
    const random = seededRandom(2);
    for (let trial = 0; trial < 500; trial++) {
      const offsets = PAIR_COVERAGES.map(() => 4 * random() - 2);
      const quantiles = Float64Array.from({ length: 13 }, random).sort();
      const median = quantiles[6]!;
      expect(countCrossings(applyCalibration(quantiles, { offsets }), 13)).toBe(0);
      expect(quantiles[6]).toBe(median);
    }
  });
});

describe('through a break', () => {
  const POINTS = 400;
  const BREAK = 250;
  /** Coverage at 80 % and 95 % from 100 to 150 points after the break, over simulated series. */
  function coverageAfter(break_: 'shift' | 'variance', learns: boolean): [number, number] {
    let [inside80, inside95] = [0, 0];
    const series = 40;
    for (let seed = 1; seed <= series; seed++) {
      const noise = normalNoise(seed);
      const calibrator = new ConformalCalibrator(CONFORMAL_DEFAULTS);
      let centre = 0;
      for (let t = 0; t < POINTS; t++) {
        const level = t >= BREAK && break_ === 'shift' ? 3 : 0;
        const deviation = t >= BREAK && break_ === 'variance' ? Math.SQRT2 : 1;
        const actual = level + deviation * noise();
        const raw = NORMAL.map((quantile) => centre + quantile);
        if (t >= BREAK + 100) {
          const served = applyCalibration(raw.slice(), calibrator.calibration());
          inside80 += Number(actual >= served[2]! && actual <= served[10]!);
          inside95 += Number(actual >= served[0]! && actual <= served[12]!);
        }
        calibrator.add(actual, raw);
        if (learns) centre += 0.3 * (actual - centre);
      }
    }
    const points = series * (POINTS - BREAK - 100);
    return [inside80 / points, inside95 / points];
  }

  it.each([
    ['a level shift by 3 deviations, forecast by a model that follows', 'shift', true],
    ['a level shift by 3 deviations, forecast by a model that never learns of it', 'shift', false],
    ['a doubling of the variance', 'variance', false],
  ] as const)('%s: coverage is back within 4 points after 100 points', (_, kind, learns) => {
    const [at80, at95] = coverageAfter(kind, learns);
    expect(Math.abs(at80 - 0.8)).toBeLessThan(0.04);
    expect(Math.abs(at95 - 0.95)).toBeLessThan(0.04);
  });
});
