import { normalQuantile } from '@app/series';
import { cholesky } from './cholesky.js';
import { seededRandom } from './random.js';
import { shrunkCovariance } from './shrinkage.js';

/**
 * How samples of several series go together: a Gaussian copula with the rank correlation of their past errors, shrunk
 * like a covariance. Without errors nothing is known and they go their own ways.
 *
 * @param errors one array a series, all of one length.
 * @param samples at least 2.
 * @param seed the same seed, the same answer.
 * @returns one permutation of 0 … samples − 1 a series: the rank that its value has in each sample.
 */
export function copulaRanks(errors: readonly Float64Array[], samples: number, seed: number): Uint32Array[] {
  const size = errors.length;
  const { covariance } = shrunkCovariance(errors.map(normalScores));
  const lower = cholesky(covariance, size);
  const random = seededRandom(seed);
  const normals = errors.map(() => Float64Array.from({ length: samples }, () => normalQuantile(random() || 0.5)));
  return errors.map((_, row) => {
    const values = new Float64Array(samples);
    for (let k = 0; k <= row; k++) {
      const weight = lower[row * size + k]!;
      for (let sample = 0; sample < samples; sample++) values[sample]! += weight * normals[k]![sample]!;
    }
    return ranksOf(values);
  });
}

/** Errors by rank, as a normal distribution would have them; equal errors say nothing. */
function normalScores(errors: Float64Array): Float64Array {
  if (errors.every((error) => error === errors[0])) return new Float64Array(errors.length);
  return Float64Array.from(ranksOf(errors), (rank) => normalQuantile((rank + 0.5) / errors.length));
}

/** The place of each value when all are sorted; of equal ones the earlier first. */
function ranksOf(values: Float64Array): Uint32Array {
  const order = Uint32Array.from(values, (_, i) => i).sort((a, b) => values[a]! - values[b]! || a - b);
  const ranks = new Uint32Array(values.length);
  order.forEach((place, rank) => (ranks[place] = rank));
  return ranks;
}
