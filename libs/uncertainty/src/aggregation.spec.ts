import { CANONICAL_LEVELS, normalQuantile } from '@app/series';
import { aggregate, averageWeights, modelShares, softmaxColumns, type Resolution } from './aggregation.js';
import { fitAggregation, type AggregationSample } from './fit-aggregation.js';
import { countCrossings } from './non-crossing.js';
import { pinball } from './pinball.js';
import { seededRandom } from './random.js';
import { WeightNetwork } from './weight-network.js';

const LEVELS = CANONICAL_LEVELS;
const WIDTH = LEVELS.length;
const NORMAL = LEVELS.map(normalQuantile);

/**
 * A series of standard normal noise around a level that is known, and models that forecast it with the right spread:
 * one is right, the others are off by their bias.
 */
function samplesOf(
  biases: readonly number[],
  origins: number,
  feature?: (origin: number) => number[],
): AggregationSample[] {
  const random = seededRandom(9);
  const noise = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return Array.from({ length: origins * 8 }, (_, i) => {
    const origin = Math.floor(i / 8);
    const features = feature?.(origin);
    // With a feature the first two models change places by its sign.
    const swapped = features && features[0]! < 0;
    const own = swapped ? [biases[1]!, biases[0]!, ...biases.slice(2)] : biases;
    return {
      origin,
      actual: noise(),
      inputs: Float64Array.from(own.flatMap((bias) => NORMAL.map((quantile) => quantile + bias))),
      ...(features && { features: Float64Array.from(features) }),
    };
  });
}

const modelsOf = (biases: readonly number[]) => biases.map((_, i) => `model-${i}`);

function lossOf(samples: readonly AggregationSample[], weights: Parameters<typeof aggregate>[1]): number {
  let sum = 0;
  for (const { inputs, actual, features } of samples) {
    const quantiles = weights.models.map((_, j) => inputs.slice(j * WIDTH, (j + 1) * WIDTH));
    const combined = aggregate(quantiles, weights, features ? { features: [features] } : {});
    expect(countCrossings(combined, WIDTH)).toBe(0);
    sum += LEVELS.reduce((total, level, k) => total + pinball(actual, combined[k]!, level), 0) / WIDTH;
  }
  return sum / samples.length;
}

describe('aggregate', () => {
  const [low, high] = [Float64Array.of(0, 1, 2), Float64Array.of(4, 5, 12)];
  const form = { version: 1, models: ['a', 'b'], levels: 3 } as const;

  it('coarse by hand: weights ¼ and ¾', () => {
    const weights = { ...form, resolution: 'coarse', logits: [0, Math.log(3)] } as const;
    aggregate([low, high], weights).forEach((value, i) => expect(value).toBeCloseTo([3, 4, 9.5][i]!, 12));
    expect(modelShares(weights)['b']).toBeCloseTo(0.75, 12);
  });

  it('medium by hand: a weight for each level', () => {
    const weights = { ...form, resolution: 'medium', logits: [0, 0, Math.log(3), 0, Math.log(3), 0] } as const;
    // ½ and ½; ¼ and ¾; ¾ and ¼.
    aggregate([low, high], weights).forEach((value, i) => expect(value).toBeCloseTo([2, 4, 4.5][i]!, 12));
  });

  it('fine by hand: each quantile of the result is a mean of all quantiles of all models', () => {
    const far = -50;
    // Column 0 takes a's first, column 1 the mean of a's second and b's first, column 2 b's last.
    const logits = [0, far, far, far, 0, far, far, far, far, far, 0, far, far, far, far, far, far, 0];
    const weights = { ...form, resolution: 'fine', logits } as const;
    aggregate([low, high], weights).forEach((value, i) => expect(value).toBeCloseTo([0, 2.5, 12][i]!, 12));
  });

  it('keeps the last digits of a counter, and one model exactly as it is', () => {
    const counter = Float64Array.of(1e12 + 0.25, 1e12 + 0.5, 1e12 + 1);
    expect([...aggregate([counter], averageWeights(['a'], 3))]).toEqual([...counter]);
    expect([...aggregate([counter, counter], averageWeights(['a', 'b'], 3))]).toEqual([...counter]);
  });

  it('refuses weights of other models, and features that are not there', () => {
    expect(() => aggregate([low], averageWeights(['a', 'b'], 3))).toThrow(
      'weights are for 2 models (a, b), there are 1',
    );
    const network = { sizes: [1, 1, 2], parameters: [0, 0, 0, 0, 0, 0], loc: [0], scale: [1] };
    const weights = { ...form, resolution: 'coarse', network } as const;
    expect(() => aggregate([low, high], weights)).toThrow('step 1 has none');
  });
});

describe('fitAggregation', () => {
  it.each(['coarse', 'medium', 'fine'] as const)('%s finds the model that is right', (resolution) => {
    const biases = [0, 2, 2.5];
    const samples = samplesOf(biases, 60);
    const fitted = fitAggregation(modelsOf(biases), samples, { resolution, learningRate: 0.05, steps: 150 });
    const average = lossOf(samples, averageWeights(modelsOf(biases)));
    expect(modelShares(fitted)['model-0']).toBeGreaterThan(resolution === 'fine' ? 0.34 : 0.5);
    expect(lossOf(samples, fitted)).toBeLessThan(average * (resolution === 'fine' ? 0.99 : 0.9));
  });

  it('finds the mixture of two models that err to both sides', () => {
    const fitted = fitAggregation(['a', 'b'], samplesOf([-1, 1], 60), { resolution: 'coarse' });
    expect(Math.abs(modelShares(fitted)['a']! - 0.5)).toBeLessThan(0.1);
  });

  it('is the plain average when data are few, and near it when they are not many', () => {
    const models = ['a', 'b'];
    expect(fitAggregation(models, [], { resolution: 'coarse' })).toEqual(averageWeights(models));
    expect(fitAggregation(models, samplesOf([0, 2], 1), { resolution: 'coarse' })).toEqual(averageWeights(models));
    const prior = [0, Math.log(0.1)];
    for (const resolution of ['coarse', 'medium', 'fine'] as const) {
      const { b } = modelShares(fitAggregation(models, [], { resolution, prior }));
      expect(b).toBeCloseTo(0.1 / 1.1, 2);
    }
    const [few, many] = [2, 60].map((origins) =>
      modelShares(fitAggregation(models, samplesOf([0, 2], origins), { resolution: 'coarse', learningRate: 0.05 })),
    );
    expect(few!['a']).toBeLessThan(many!['a']!);
  });

  it('local weights follow a feature that says who is right', () => {
    const biases = [0, 3];
    const samples = samplesOf(biases, 60, (origin) => [origin % 2 === 0 ? 1 : -1]);
    const options = { resolution: 'coarse', learningRate: 0.02, hidden: 8, steps: 150 } as const;
    const fitted = fitAggregation(modelsOf(biases), samples, { ...options, local: true });
    const shared = fitAggregation(modelsOf(biases), samples, options);
    expect(lossOf(samples, fitted)).toBeLessThan(0.85 * lossOf(samples, shared));
    expect(modelShares(fitted, Float64Array.of(1))['model-0']).toBeGreaterThan(0.7);
    expect(modelShares(fitted, Float64Array.of(-1))['model-1']).toBeGreaterThan(0.7);
  });

  it('survives JSON, and the same seed gives the same weights', () => {
    const samples = samplesOf([0, 1], 30, (origin) => [Math.sin(origin), 1]);
    const options = { resolution: 'medium', local: true, hidden: 4, steps: 20 } as const;
    const fitted = fitAggregation(['a', 'b'], samples, options);
    const stored = JSON.parse(JSON.stringify(fitted)) as typeof fitted;
    expect(stored).toEqual(fitted);
    expect(fitAggregation(['a', 'b'], samples, options)).toEqual(fitted);
  });
});

describe('slopes', () => {
  it('of the network are those of finite differences', () => {
    const network = new WeightNetwork([3, 5, 4, 2]);
    const random = seededRandom(4);
    network.parameters.forEach((_, i) => (network.parameters[i] = random() - 0.5));
    const features = Float64Array.of(0.3, -1.2, 0.8);
    const loss = () =>
      network
        .forward(features)
        .at(-1)!
        .reduce((sum, logit, i) => sum + (i + 1) * logit ** 2, 0);
    const layers = network.forward(features);
    const gradient = new Float64Array(network.parameters.length);
    network.backward(
      layers,
      layers.at(-1)!.map((logit, i) => 2 * (i + 1) * logit),
      gradient,
    );
    gradient.forEach((slope, i) => {
      const value = network.parameters[i]!;
      const [up, down] = [1e-5, -1e-5].map((step) => ((network.parameters[i] = value + step), loss()));
      network.parameters[i] = value;
      expect(slope).toBeCloseTo((up! - down!) / 2e-5, 6);
    });
  });

  it('softmax columns add up to one, however large the logits', () => {
    const shapes: [Resolution, number, number][] = [['medium', 3, 2]];
    for (const [, rows, columns] of shapes) {
      const weights = softmaxColumns([1e4, 0, 0, -1e4, 5, 5], { rows, columns });
      for (let column = 0; column < columns; column++) {
        const sum = Array.from({ length: rows }, (_, row) => weights[row * columns + column]!).reduce((a, b) => a + b);
        expect(sum).toBeCloseTo(1, 12);
      }
    }
  });
});
