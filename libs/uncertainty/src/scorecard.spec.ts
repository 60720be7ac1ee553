import { CANONICAL_LEVELS, normalQuantile } from '@app/series';
import { leadBucket } from './lead-bucket.js';
import { addScores, NO_SCORES, scorePoint } from './scorecard.js';
import { seededRandom } from './random.js';

const UNIFORM = Float64Array.from(CANONICAL_LEVELS);

describe('scorePoint', () => {
  it('by hand: 0.5 in the middle of a uniform forecast', () => {
    const score = scorePoint(0.5, UNIFORM, 0.25);
    // 2·pinball at .1 … .9 is 2·τ·(0.5 − τ) below the middle and the same mirrored: 0.08, 0.12, 0.12, 0.08, 0, …
    expect(score.loss).toBeCloseTo((2 * (0.08 + 0.12 + 0.12 + 0.08)) / 9, 12);
    expect(score.pinball[2]).toBeCloseTo(0.04, 12);
    expect(score).toMatchObject({ points: 1, absActual: 0.5, inside80: 1, inside95: 1, absError: 0, scaledPoints: 1 });
    expect([score.width80, score.width95]).toEqual([0.9 - 0.1, 0.975 - 0.025]);
  });

  it('a miss, and no scale to measure it by', () => {
    expect(scorePoint(2, UNIFORM, Number.NaN)).toMatchObject({
      inside80: 0,
      inside95: 0,
      absError: 1.5,
      scaledError: 0,
      scaledPoints: 0,
    });
    expect(scorePoint(0.95, UNIFORM, 0.5)).toMatchObject({ inside80: 0, inside95: 1 });
    expect(scorePoint(0.95, UNIFORM, 0.5).scaledError).toBeCloseTo(0.9, 12);
  });

  it('approaches the closed form: the mean loss of a normal forecast of normal noise', () => {
    const quantiles = Float64Array.from(CANONICAL_LEVELS, normalQuantile);
    const random = seededRandom(8);
    let sums = NO_SCORES;
    for (let i = 0; i < 20_000; i++) {
      const noise = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
      sums = addScores(sums, scorePoint(noise, quantiles, 1), 1);
    }
    // E pinball_τ(Y, z_τ) = φ(z_τ) for Y standard normal.
    const density = (z: number) => Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
    sums.pinball.forEach((sum, i) => {
      expect(Math.abs(sum / sums.points - density(quantiles[i]!))).toBeLessThan(0.01);
    });
    expect(Math.abs(sums.inside80 / sums.points - 0.8)).toBeLessThan(0.01);
    expect(Math.abs(sums.inside95 / sums.points - 0.95)).toBeLessThan(0.006);
  });

  it('what is counted in can be taken back', () => {
    const [a, b] = [scorePoint(3, UNIFORM, 2), scorePoint(-1, UNIFORM, 2)];
    const back = addScores(addScores(addScores(NO_SCORES, a, 1), b, 1), a, -1);
    expect(back.points).toBe(1);
    expect(back.loss).toBeCloseTo(b.loss, 12);
    back.pinball.forEach((sum, i) => expect(sum).toBeCloseTo(b.pinball[i]!, 12));
  });
});

describe('leadBucket', () => {
  it('doubles', () => {
    expect([1, 2, 3, 4, 7, 8, 15, 16, 48, 96, 4096].map(leadBucket)).toEqual([1, 2, 2, 4, 4, 8, 8, 16, 32, 64, 4096]);
  });
});
