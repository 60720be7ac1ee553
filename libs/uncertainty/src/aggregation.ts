import { CANONICAL_LEVELS } from '@app/series';
import { uncross, type NonCrossing } from './non-crossing.js';
import { WeightNetwork } from './weight-network.js';

/**
 * How finely models are weighted (Fakoor et al. 2023, §3): one weight a model; one a model and level; or one for each
 * quantile of each model in each quantile of the result.
 */
export type Resolution = 'coarse' | 'medium' | 'fine';

/** Weights of an aggregation, as they are stored. JSON; `version` is that of this form. */
export interface AggregationWeights {
  readonly version: 1;
  readonly resolution: Resolution;
  /** What is aggregated, in the order of the inputs. */
  readonly models: readonly string[];
  /** Levels of a step. */
  readonly levels: number;
  /** The same weights for all forecasts: logits, `rows × columns` of `weightShape`, row-major. */
  readonly logits?: readonly number[];
  /** Weights that depend on the forecast: a network from its features to the logits. */
  readonly network?: StoredNetwork;
}

/** A network as it is stored; features are standardised with `loc` and `scale` first. */
export interface StoredNetwork {
  readonly sizes: readonly number[];
  readonly parameters: readonly number[];
  readonly loc: readonly number[];
  readonly scale: readonly number[];
}

/** Softmax runs over rows, for each column; with one column all levels share it. */
export interface WeightShape {
  readonly rows: number;
  readonly columns: number;
}

/** Looked up once: fitting does little else, and a test's global object is slow to ask. */
const { exp, max } = Math;
/** Off its own level a fine weight begins this low: then the whole is the plain average but for a speck. */
const FINE_LOGIT = -9;

/** Rows are models (fine: model × level), columns are levels (coarse: one). */
export function weightShape(resolution: Resolution, models: number, levels: number): WeightShape {
  if (resolution === 'coarse') return { rows: models, columns: 1 };
  return { rows: resolution === 'medium' ? models : models * levels, columns: levels };
}

/** Logits of the plain average: what fitting begins with, and is shrunk to. */
export function averageLogits(resolution: Resolution, models: number, levels: number): Float64Array {
  const { rows, columns } = weightShape(resolution, models, levels);
  if (resolution !== 'fine') return new Float64Array(rows * columns);
  return Float64Array.from({ length: rows * columns }, (_, i) =>
    Math.floor(i / columns) % levels === i % columns ? 0 : FINE_LOGIT,
  );
}

/** The weights of the plain average. */
export function averageWeights(models: readonly string[], levels = CANONICAL_LEVELS.length): AggregationWeights {
  return { version: 1, resolution: 'coarse', models, levels, logits: models.map(() => 0) };
}

/** The weights, rows × columns, that logits stand for: each column adds up to 1. */
export function softmaxColumns(logits: ArrayLike<number>, { rows, columns }: WeightShape): Float64Array {
  const weights = new Float64Array(rows * columns);
  for (let column = 0; column < columns; column++) {
    let most = Number.NEGATIVE_INFINITY;
    for (let row = 0; row < rows; row++) most = max(most, logits[row * columns + column]!);
    let sum = 0;
    for (let row = 0; row < rows; row++)
      sum += weights[row * columns + column] = exp(logits[row * columns + column]! - most);
    for (let row = 0; row < rows; row++) weights[row * columns + column]! /= sum;
  }
  return weights;
}

/**
 * One step of the aggregate, before crossings are repaired.
 *
 * @param inputs model × level, row-major.
 * @param weights rows × columns.
 */
export function weigh(
  inputs: ArrayLike<number>,
  weights: ArrayLike<number>,
  { rows, columns }: WeightShape,
  levels: number,
): Float64Array {
  const fine = columns > 1 && rows * levels !== inputs.length;
  const result = new Float64Array(levels);
  for (let level = 0; level < levels; level++) {
    const column = columns === 1 ? 0 : level;
    // As distances from one of the inputs, so that a counter near 1e12 keeps its last digits.
    const origin = inputs[level]!;
    let sum = 0;
    for (let row = 0; row < rows; row++) {
      sum += weights[row * columns + column]! * (inputs[fine ? row : row * levels + level]! - origin);
    }
    result[level] = origin + sum;
  }
  return result;
}

/**
 * The weighted mean of the models' quantiles (Vincent 1912), uncrossed.
 *
 * @param quantiles of each model in the order of `weights.models`, steps × levels, row-major.
 * @param features of each step, for weights that depend on them.
 * @returns steps × levels, row-major, ascending within a step.
 */
export function aggregate(
  quantiles: readonly Float64Array[],
  weights: AggregationWeights,
  { features, nonCrossing = 'sort' }: { features?: readonly Float64Array[]; nonCrossing?: NonCrossing } = {},
): Float64Array {
  const { levels, models, resolution } = weights;
  if (quantiles.length !== models.length) {
    throw new RangeError(
      `weights are for ${models.length} models (${models.join(', ')}), there are ${quantiles.length}`,
    );
  }
  const shape = weightShape(resolution, models.length, levels);
  const shared = weights.logits && softmaxColumns(weights.logits, shape);
  const local = shared ? undefined : localWeights(weights, shape);
  const result = new Float64Array(quantiles[0]!.length);
  const inputs = new Float64Array(models.length * levels);
  for (let step = 0; step * levels < result.length; step++) {
    quantiles.forEach((own, j) => inputs.set(own.subarray(step * levels, (step + 1) * levels), j * levels));
    const own = shared ?? local!(featuresOf(features, step));
    result.set(weigh(inputs, own, shape, levels), step * levels);
  }
  return uncross(result, levels, nonCrossing);
}

/** The share of each model in the result: the mean over the levels, for people to read. */
export function modelShares(weights: AggregationWeights, features?: Float64Array): Record<string, number> {
  const { levels, models, resolution } = weights;
  const shape = weightShape(resolution, models.length, levels);
  const own = weights.logits ? softmaxColumns(weights.logits, shape) : localWeights(weights, shape)(features!);
  const rowsOfModel = shape.rows / models.length;
  return Object.fromEntries(
    models.map((model, j) => {
      const from = j * rowsOfModel * shape.columns;
      const part = own.subarray(from, from + rowsOfModel * shape.columns);
      return [model, part.reduce((sum, weight) => sum + weight, 0) / shape.columns];
    }),
  );
}

function localWeights({ network }: AggregationWeights, shape: WeightShape): (features: Float64Array) => Float64Array {
  if (!network) throw new RangeError('weights hold neither logits nor a network');
  const { sizes, parameters, loc, scale } = network;
  const model = new WeightNetwork(sizes);
  model.parameters.set(parameters);
  return (features) => {
    const standard = features.map((value, i) => (value - loc[i]!) / scale[i]!);
    return softmaxColumns(model.forward(standard).at(-1)!, shape);
  };
}

function featuresOf(features: readonly Float64Array[] | undefined, step: number): Float64Array {
  const own = features?.[step];
  if (own) return own;
  throw new RangeError(`these weights depend on features; step ${step + 1} has none`);
}
