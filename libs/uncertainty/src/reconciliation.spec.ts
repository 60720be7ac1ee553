import { CANONICAL_LEVELS, normalQuantile } from '@app/series';
import { copulaRanks } from './copula.js';
import { seededRandom } from './random.js';
import { bottomUp, minTrace, nodeCount, reconcileStep, type Hierarchy } from './reconciliation.js';
import { shrunkCovariance } from './shrinkage.js';

const WIDTH = CANONICAL_LEVELS.length;
/** One total of two leaves. */
const PAIR: Hierarchy = { leaves: 2, aggregates: [[0, 1]] };
/** A total, two regions, and four leaves. */
const TREE: Hierarchy = {
  leaves: 4,
  aggregates: [
    [0, 1, 2, 3],
    [0, 1],
    [2, 3],
  ],
};

describe('minTrace', () => {
  it('with equal variances is the projection of least squares, (SᵀS)⁻¹Sᵀ by hand', () => {
    const projection = minTrace(PAIR, diagonal([1, 1, 1]));

    expectClose(projection, [1 / 3, 2 / 3, -1 / 3, 1 / 3, -1 / 3, 2 / 3]);
  });

  it('shares what does not add up among the nodes by their variances', () => {
    const projection = minTrace(PAIR, diagonal([4, 1, 3]));
    const base = [110, 60, 42];

    // 8 too many at the top: 4/8 of it is taken from there, the leaves get 1/8 and 3/8.
    expectClose(times(projection, base), [61, 45]);
  });

  it('is generalised least squares, (SᵀW⁻¹S)⁻¹SᵀW⁻¹, for any covariance', () => {
    const { covariance } = shrunkCovariance(randomErrors(nodeCount(TREE), 40));
    const summing = summingMatrix(TREE);
    const weights = inverse(rows(covariance, nodeCount(TREE)));
    const left = multiply(transpose(summing), weights);
    const expected = multiply(inverse(multiply(left, summing)), left);

    expectClose(minTrace(TREE, covariance), expected.flat());
  });

  it('leaves alone what adds up already', () => {
    const { covariance } = shrunkCovariance(randomErrors(nodeCount(TREE), 12));

    const projected = times(minTrace(TREE, covariance), [1e6 + 2.25, 2, 1e6 + 0.25, 3, -1, 1e6, 0.25]);
    expectClose(projected, [3, -1, 1e6, 0.25], 1e-6);
  });

  it('does not fail where errors add up exactly, or a series never erred', () => {
    const leaves = randomErrors(4, 30);
    leaves[1]!.fill(0);
    const all = [
      ...TREE.aggregates.map((members) =>
        Float64Array.from({ length: 30 }, (_, t) => members.reduce((sum, leaf) => sum + leaves[leaf]![t]!, 0)),
      ),
      ...leaves,
    ];

    const projection = minTrace(TREE, shrunkCovariance(all).covariance);
    expect(projection.every(Number.isFinite)).toBe(true);
    // What never erred is believed.
    expectClose(times(projection, [20, 9, 12, 1, 5, 5, 5]).slice(1, 2), [5], 1e-6);
  });
});

describe('shrunkCovariance', () => {
  it('shrinks by Σ Var(r) / Σ r², by hand', () => {
    const { covariance, shrinkage } = shrunkCovariance([Float64Array.of(1, -1, 2, -2), Float64Array.of(1, -1, 2, -1)]);

    // r² = 4/4.375 and Var(r) = (22 − 16)/4.375/(4·3): λ = 1/8; the covariance of 2 becomes 7/4.
    expect(shrinkage).toBeCloseTo(1 / 8, 12);
    expectClose(covariance, [2.5, 1.75, 1.75, 1.75]);
  });

  it.each([
    [[], [1, 0, 0, 1]],
    [[[2], [3]].map((own) => Float64Array.from(own)), [4, 0, 0, 9]],
    [
      [new Float64Array(5), new Float64Array(5)],
      [1, 0, 0, 1],
    ],
  ])('knows nothing of correlations from %j', (errors, expected) => {
    const given = errors.length > 0 ? errors : [new Float64Array(0), new Float64Array(0)];

    expect(shrunkCovariance(given)).toEqual({ covariance: Float64Array.from(expected), shrinkage: 1 });
  });
});

describe('copulaRanks', () => {
  it('gives permutations, the same for the same seed', () => {
    const errors = randomErrors(3, 50);
    const ranks = copulaRanks(errors, 100, 7);

    for (const own of ranks) expect([...own].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(copulaRanks(errors, 100, 7)).toEqual(ranks);
    expect(copulaRanks(errors, 100, 8)).not.toEqual(ranks);
  });

  it('lets series go together as their errors did', () => {
    const [own, other] = randomErrors(2, 400);
    const opposed = own!.map((error) => -error);
    const ranks = copulaRanks([own!, own!.map((error) => error ** 3), opposed, other!], 500, 1);

    expect(rankCorrelation(ranks[0]!, ranks[1]!)).toBeGreaterThan(0.98);
    expect(rankCorrelation(ranks[0]!, ranks[2]!)).toBeLessThan(-0.98);
    expect(Math.abs(rankCorrelation(ranks[0]!, ranks[3]!))).toBeLessThan(0.15);
  });
});

describe('reconcileStep', () => {
  const normal = (mean: number, deviation: number) =>
    CANONICAL_LEVELS.map((level) => mean + deviation * normalQuantile(level));
  const base = (...nodes: [mean: number, deviation: number][]) => ({
    means: Float64Array.from(nodes, ([mean]) => mean),
    quantiles: Float64Array.from(nodes.flatMap(([mean, deviation]) => normal(mean, deviation))),
  });
  const alike = (series: number, samples: number) =>
    Array.from({ length: series }, () => Uint32Array.from({ length: samples }, (_, i) => i));

  it('bottom-up keeps the leaves and adds up their means', () => {
    const forecast = base([999, 50], [10, 2], [20, 3]);
    const options = { hierarchy: PAIR, projection: bottomUp(PAIR), nonNegative: false };

    const together = reconcileStep(forecast, { ...options, ranks: alike(3, 1000) });
    const apart = reconcileStep(forecast, { ...options, ranks: copulaRanks(randomErrors(3, 0), 1000, 3) });

    for (const { means, quantiles } of [together, apart]) {
      expect([...means]).toEqual([30, 10, 20]);
      expectClose(quantiles.subarray(WIDTH), forecast.quantiles.subarray(WIDTH), 0.01);
    }
    // Hand in hand deviations add up; independent ones do by their squares. The samples are 1,000.
    expect(together.quantiles[WIDTH - 1]).toBeCloseTo(30 + 5 * 1.96, 1);
    const spread = (apart.quantiles[WIDTH - 1]! - apart.quantiles[0]!) / (2 * 1.96);
    expect(Math.abs(spread / Math.sqrt(13) - 1)).toBeLessThan(0.06);
  });

  it('means add up to rounding and quantiles ascend, whatever the base forecasts were', () => {
    const random = seededRandom(11);
    const errors = randomErrors(nodeCount(TREE), 60);
    const options = {
      hierarchy: TREE,
      projection: minTrace(TREE, shrunkCovariance(errors).covariance),
      ranks: copulaRanks(errors, 200, 5),
    };
    for (let trial = 0; trial < 20; trial++) {
      const nodes = errors.map((): [number, number] => [1e3 * (random() - 0.5), 100 * random()]);
      const { means, quantiles } = reconcileStep(base(...nodes), { ...options, nonNegative: trial % 2 === 1 });

      TREE.aggregates.forEach((members, top) => {
        const sum = members.reduce((total, leaf) => total + means[3 + leaf]!, 0);
        expect(Math.abs(means[top]! - sum)).toBeLessThan(1e-9);
      });
      for (let i = 1; i < quantiles.length; i++) {
        if (i % WIDTH !== 0) expect(quantiles[i]).toBeGreaterThanOrEqual(quantiles[i - 1]!);
      }
      if (trial % 2 === 1) expect(Math.min(...means, ...quantiles)).toBeGreaterThanOrEqual(0);
    }
  });

  it('narrows what the leaves alone leave open', () => {
    const errors = randomErrors(3, 200).map((own, node) => own.map((error) => error * [1, 5, 5][node]!));
    const options = {
      hierarchy: PAIR,
      projection: minTrace(PAIR, shrunkCovariance(errors).covariance),
      ranks: copulaRanks(errors, 1000, 5),
      nonNegative: false,
    };

    const { means, quantiles } = reconcileStep(base([100, 1], [30, 5], [40, 5]), options);

    // A total that errs by 1 is believed more than leaves that err by 5 each.
    expect(means[0]).toBeGreaterThan(98);
    expect(quantiles[WIDTH - 1]! - quantiles[0]!).toBeLessThan(2 * 1.96 * 1.3);
  });
});

function randomErrors(series: number, count: number): Float64Array[] {
  const random = seededRandom(series * 1000 + count);
  return Array.from({ length: series }, () => Float64Array.from({ length: count }, () => normalQuantile(random())));
}

function diagonal(values: readonly number[]): Float64Array {
  return Float64Array.from(values.flatMap((value, i) => values.map((_, j) => (i === j ? value : 0))));
}

function times(projection: Float64Array, nodes: readonly number[]): Float64Array {
  return Float64Array.from(rows(projection, nodes.length), (row) =>
    row.reduce((sum, weight, node) => sum + weight * nodes[node]!, 0),
  );
}

function expectClose(actual: Float64Array, expected: ArrayLike<number>, tolerance = 1e-9): void {
  expect(actual.length).toBe(expected.length);
  actual.forEach((value, i) => expect(Math.abs(value - expected[i]!)).toBeLessThanOrEqual(tolerance));
}

function rankCorrelation(a: Uint32Array, b: Uint32Array): number {
  const squares = a.reduce((sum, rank, i) => sum + (rank - b[i]!) ** 2, 0);
  return 1 - (6 * squares) / (a.length * (a.length ** 2 - 1));
}

function rows(matrix: Float64Array, width: number): number[][] {
  return Array.from({ length: matrix.length / width }, (_, row) => [
    ...matrix.subarray(row * width, (row + 1) * width),
  ]);
}

function summingMatrix({ leaves, aggregates }: Hierarchy): number[][] {
  const unit = Array.from({ length: leaves }, (_, leaf) => [leaf]);
  return [...aggregates, ...unit].map((members) =>
    Array.from({ length: leaves }, (_, leaf) => Number(members.includes(leaf))),
  );
}

function transpose(matrix: readonly number[][]): number[][] {
  return matrix[0]!.map((_, column) => matrix.map((row) => row[column]!));
}

function multiply(a: readonly number[][], b: readonly number[][]): number[][] {
  return a.map((row) => b[0]!.map((_, column) => row.reduce((sum, value, k) => sum + value * b[k]![column]!, 0)));
}

/** By Gauss and Jordan, with pivots: another way than the code under test goes. */
function inverse(matrix: readonly number[][]): number[][] {
  const size = matrix.length;
  const wide = matrix.map((row, i) => [...row, ...row.map((_, j) => Number(i === j))]);
  for (let column = 0; column < size; column++) {
    const pivot = wide.findIndex(
      (row, i) =>
        i >= column && Math.abs(row[column]!) === Math.max(...wide.slice(column).map((r) => Math.abs(r[column]!))),
    );
    [wide[column], wide[pivot]] = [wide[pivot]!, wide[column]!];
    const scale = wide[column]![column]!;
    wide[column] = wide[column]!.map((value) => value / scale);
    for (let other = 0; other < size; other++) {
      if (other === column) continue;
      const factor = wide[other]![column]!;
      wide[other] = wide[other]!.map((value, k) => value - factor * wide[column]![k]!);
    }
  }
  return wide.map((row) => row.slice(size));
}
