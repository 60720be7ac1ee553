import { CANONICAL_LEVELS, quantilesAt } from '@app/series';
import { cholesky, choleskySolve } from './cholesky.js';

/**
 * Series that add up. Nodes are numbered with the aggregates first and the leaves after them, as the rows of the summing
 * matrix S are in the literature; everything a node has comes in this order.
 */
export interface Hierarchy {
  readonly leaves: number;
  /** The leaves, by their own number from 0, that each aggregate is the sum of. */
  readonly aggregates: readonly (readonly number[])[];
}

/** Makes leaves out of all nodes: leaves × nodes, row-major; G in S·G·ŷ. */
export type Projection = Float64Array;

/** The number of all nodes. */
export function nodeCount({ leaves, aggregates }: Hierarchy): number {
  return aggregates.length + leaves;
}

/** Bottom-up: leaves stay what they are, and what was forecast of aggregates is not looked at. */
export function bottomUp(hierarchy: Hierarchy): Projection {
  const width = nodeCount(hierarchy);
  const projection = new Float64Array(hierarchy.leaves * width);
  for (let leaf = 0; leaf < hierarchy.leaves; leaf++) projection[leaf * width + hierarchy.aggregates.length + leaf] = 1;
  return projection;
}

/**
 * MinT: of all projections that leave coherent forecasts alone the one with the least total variance of errors, when the
 * errors of the base forecasts have this covariance (Wickramasuriya, Athanasopoulos and Hyndman 2019, JASA 114:804). With
 * the identity it is the orthogonal projection (OLS).
 *
 * In the form G = J − J·W·U·(Uᵀ·W·U)⁻¹·Uᵀ (their alternative form), which inverts a matrix as large as there are aggregates only.
 *
 * @param covariance W: nodes × nodes, row-major, positive definite.
 */
export function minTrace(hierarchy: Hierarchy, covariance: Float64Array): Projection {
  const { leaves, aggregates } = hierarchy;
  const [width, tops] = [nodeCount(hierarchy), aggregates.length];
  // W·U: how the errors of each node go with what an aggregate and the sum of its leaves differ by.
  const mixed = (node: number) =>
    Float64Array.from(aggregates, (members, top) =>
      members.reduce((sum, leaf) => sum - covariance[node * width + tops + leaf]!, covariance[node * width + top]!),
    );
  const ofLeaves = Array.from({ length: leaves }, (_, leaf) => mixed(tops + leaf));
  const ofTops = aggregates.map((members, top) => {
    const row = mixed(top);
    for (const leaf of members) ofLeaves[leaf]!.forEach((value, column) => (row[column]! -= value));
    return row;
  });
  const lower = cholesky(Float64Array.from(ofTops.flatMap((row) => [...row])), tops);

  const projection = bottomUp(hierarchy);
  ofLeaves.forEach((row, leaf) => {
    choleskySolve(lower, row).forEach((weight, top) => {
      projection[leaf * width + top]! -= weight;
      for (const member of aggregates[top]!) projection[leaf * width + tops + member]! += weight;
    });
  });
  return projection;
}

export interface ReconcileOptions {
  readonly hierarchy: Hierarchy;
  readonly projection: Projection;
  /** Which sample of each node meets which of the others: one permutation of 0 … samples − 1 a node. */
  readonly ranks: readonly Uint32Array[];
  /** Leaves below zero become zero, and aggregates are the sums of these. */
  readonly nonNegative: boolean;
}

/** Forecasts of all nodes at one step. */
export interface NodeForecasts {
  /** One a node. */
  readonly means: Float64Array;
  /** Nodes × 13 canonical levels, row-major, ascending within a node. */
  readonly quantiles: Float64Array;
}

/**
 * Reconciles one step. Means are projected. For the quantiles samples are drawn from the base forecasts of all nodes
 * together, each one projected like the means, and their empirical quantiles taken (Panagiotelis, Gamakumara,
 * Athanasopoulos and Hyndman 2023, EJOR 306:693): the samples of a node are its quantile function at evenly
 * spread levels, so nothing of it is left to chance, and `ranks` says how nodes go together.
 *
 * Means add up to rounding. Quantiles don't, and must not: of things that do not go hand in hand the extremes of the sum
 * are less than the sum of the extremes. Every sample adds up.
 */
export function reconcileStep(base: NodeForecasts, options: ReconcileOptions): NodeForecasts {
  const { ranks } = options;
  const samples = ranks[0]!.length;
  const sorted = quantilesAt(base.quantiles, sampleLevels(samples));
  const drawn = ranks.map((order, node) => Float64Array.from(order, (rank) => sorted[node * samples + rank]!));

  const quantiles = new Float64Array(base.quantiles.length);
  project(drawn, options).forEach((values, node) =>
    quantiles.set(empirical(values.sort()), node * CANONICAL_LEVELS.length),
  );
  const means = project(
    Array.from(base.means, (mean) => Float64Array.of(mean)),
    options,
  );
  return { means: Float64Array.from(means, ([mean]) => mean!), quantiles };
}

/** Coherent values out of any, many at a time: one array a node. */
function project(
  nodes: readonly Float64Array[],
  { hierarchy, projection, nonNegative }: Omit<ReconcileOptions, 'ranks'>,
): Float64Array[] {
  const leaves = Array.from({ length: hierarchy.leaves }, (_, leaf) => {
    const values = new Float64Array(nodes[0]!.length);
    nodes.forEach((own, node) => addTo(values, own, projection[leaf * nodes.length + node]!));
    return nonNegative ? values.map((value) => Math.max(0, value)) : values;
  });
  const sums = hierarchy.aggregates.map((members) => {
    const values = new Float64Array(nodes[0]!.length);
    for (const leaf of members) addTo(values, leaves[leaf]!, 1);
    return values;
  });
  return [...sums, ...leaves];
}

function addTo(sum: Float64Array, values: Float64Array, weight: number): void {
  if (weight === 0) return;
  for (let i = 0; i < sum.length; i++) sum[i]! += weight * values[i]!;
}

function sampleLevels(samples: number): number[] {
  return Array.from({ length: samples }, (_, i) => (i + 0.5) / samples);
}

/** Quantiles of sorted samples that stand for evenly spread levels, linear in between. */
function empirical(sorted: Float64Array): number[] {
  const last = sorted.length - 1;
  return CANONICAL_LEVELS.map((level) => {
    const place = Math.min(last, Math.max(0, level * sorted.length - 0.5));
    const below = Math.floor(place);
    const value = sorted[below]!;
    return below === last ? value : value + (place - below) * (sorted[below + 1]! - value);
  });
}
