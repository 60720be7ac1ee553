import { AGGREGATE, REFERENCE, UNCALIBRATED, priorLogits } from '@app/forecasters';
import type { DayLoss, ForecastStep } from '@app/persistence';
import { CANONICAL_LEVELS } from '@app/series';
import {
  ConformalCalibrator,
  fewestScores,
  fitAggregation,
  leadBucket,
  type AggregationSample,
  type AggregationWeights,
  type Calibration,
  type LossBlock,
} from '@app/uncertainty';

import type { ScoredPair } from '../scorecard/score-points.js';

/** Scores below which a lead bucket is left as the models have it: too few for an interval of 95 %. */
const FEWEST_SCORES = fewestScores(0.95);
/** Samples from which weights are fitted, and origins that they must come from. */
const FEWEST_SAMPLES = { samples: 100, origins: 8 };
/** Fitting blocks the thread that serves: thinned out, it takes some 50 ms. */
const MOST_SAMPLES = { series: 400, group: 2000 };
const FIT_STEPS = 150;
const WIDTH = CANONICAL_LEVELS.length;

/** Points scored since the last look at which a series is looked at again. */
export const POINTS_A_REVIEW = 12;
/** And at which its weights are fitted again. */
export const POINTS_A_FIT = 48;
/** Points looked back over: the rolling window of the calibration. */
export const POINTS_BACK = 200;
/** Days that the guard compares over. */
export const DAYS_BACK = 28;

/** A scored step with what each model said. */
export interface History {
  readonly pairs: readonly ScoredPair[];
  /** By position of the pair. */
  readonly steps: readonly ForecastStep[];
  /** Models that only have a role on the series: scored, and no part of the aggregate. */
  readonly outsiders: ReadonlySet<string>;
}

/** Of the steps that foretold a point, one in each lead bucket: the nearest. The others would say the same again. */
export function onePerBucket(pairs: readonly ScoredPair[]): ScoredPair[] {
  const chosen = new Map<string, ScoredPair>();
  for (const pair of pairs) {
    const key = `${pair.point.ts} ${leadBucket(pair.step)}`;
    const held = chosen.get(key);
    if (!held || pair.step < held.step) chosen.set(key, pair);
  }
  return [...chosen.values()].sort((a, b) => a.point.ts - b.point.ts);
}

/** The calibration of each lead bucket that has enough scores, by its first step; undefined where none has. */
export function calibrationsOf({ pairs, steps }: History): Record<string, Calibration> | undefined {
  const calibrators = new Map<number, ConformalCalibrator>();
  const origins = originsOf(pairs);
  for (const { position, model, quantiles } of inOrder(steps)) {
    if (model !== UNCALIBRATED) continue;
    const { step, point, forecastId } = pairs[position]!;
    const bucket = leadBucket(step);
    const calibrator = calibrators.get(bucket) ?? new ConformalCalibrator();
    calibrators.set(bucket, calibrator);
    calibrator.add(point.value, quantiles, origins.get(forecastId));
  }
  const calibrations = [...calibrators]
    .map(([bucket, calibrator]) => [bucket, calibrator.calibration()] as const)
    .filter(([, { scores }]) => scores >= FEWEST_SCORES);
  return calibrations.length > 0 ? Object.fromEntries(calibrations) : undefined;
}

/** What a series has to say about the weights of the models behind its newest forecast. */
export interface WeightSamples {
  readonly models: readonly string[];
  readonly samples: readonly AggregationSample[];
}

/** Out-of-fold: what the models of the newest forecast said before each point was known. */
export function samplesOf(history: History): WeightSamples {
  const models = modelsOf(history);
  const origins = originsOf(history.pairs);
  const byPosition = new Map<number, Map<string, number[]>>();
  for (const { position, model, quantiles } of history.steps) {
    const own = byPosition.get(position) ?? new Map<string, number[]>();
    byPosition.set(position, own.set(model, quantiles));
  }
  const samples = [...byPosition].flatMap(([position, said]): AggregationSample[] => {
    const { point, naiveError, forecastId } = history.pairs[position]!;
    if (!(naiveError! > 0) || !models.every((model) => said.has(model))) return [];
    // In errors of seasonal naive around the actual: series and times of different size count alike.
    const inputs = Float64Array.from(
      models.flatMap((model) => said.get(model)!.map((quantile) => (quantile - point.value) / naiveError!)),
    );
    return [{ inputs, actual: 0, origin: origins.get(forecastId)! }];
  });
  return { models, samples };
}

/** Numbers of the forecasts behind the pairs, by when they were first put to the test. */
function originsOf(pairs: readonly ScoredPair[]): Map<string, number> {
  const inTime = pairs.toSorted((a, b) => a.point.ts - b.point.ts || b.step - a.step);
  return new Map([...new Set(inTime.map(({ forecastId }) => forecastId))].map((id, number) => [id, number]));
}

/** Weights of a series, pulled to those of its group the more the fewer samples there are; undefined where these are too few. */
export function weightsOf(
  { models, samples }: WeightSamples,
  group?: AggregationWeights,
): { weights: AggregationWeights; samples: number } | undefined {
  const origins = new Set(samples.map(({ origin }) => origin)).size;
  if (models.length < 2 || samples.length < FEWEST_SAMPLES.samples || origins < FEWEST_SAMPLES.origins)
    return undefined;
  const thinned = thin(samples, MOST_SAMPLES.series);
  const prior = priorLogits(models, group);
  const weights = fitAggregation(models, thinned, { resolution: 'coarse', steps: FIT_STEPS, prior });
  return { weights, samples: thinned.length };
}

/** Weights of a group of series, of the models that all of them have heard; undefined where that is too little. */
export function groupWeightsOf(
  series: readonly WeightSamples[],
): { weights: AggregationWeights; samples: number } | undefined {
  const [first, ...others] = series;
  const models = (first?.models ?? []).filter((model) => others.every((other) => other.models.includes(model)));
  const pooled = series.flatMap((one) => {
    const rows = models.map((model) => one.models.indexOf(model));
    return thin(one.samples, Math.ceil(MOST_SAMPLES.group / series.length)).map((sample) => ({
      ...sample,
      inputs: Float64Array.from(rows.flatMap((row) => [...sample.inputs.subarray(row * WIDTH, (row + 1) * WIDTH)])),
    }));
  });
  return weightsOf({ models, samples: thin(pooled, MOST_SAMPLES.group) });
}

function thin<Item>(items: readonly Item[], most: number): Item[] {
  const stride = Math.ceil(items.length / most);
  return items.filter((_, i) => i % stride === 0);
}

/** Losses by day of what may be served, each as if on the points of the aggregate; days without it are left out. */
export function blocksOf(days: readonly DayLoss[]): LossBlock[] {
  const names = [...new Set(days.map(({ day }) => day))];
  return names.flatMap((name) => {
    const rows = days.filter(({ day }) => day === name);
    const whole = rows.find(({ model }) => model === UNCALIBRATED);
    if (!whole) return [];
    const losses = rows
      .filter(({ model }) => model !== AGGREGATE)
      .map(({ model, loss, points }) => [model === UNCALIBRATED ? AGGREGATE : model, (loss / points) * whole.points]);
    return [{ points: whole.points, losses: Object.fromEntries(losses) as Record<string, number> }];
  });
}

/** Those behind the newest forecast, as they were weighted there. */
function modelsOf({ pairs, steps, outsiders }: History): string[] {
  const newest = pairs.length - 1;
  const isPart = (model: string) =>
    model !== UNCALIBRATED && model !== AGGREGATE && model !== REFERENCE && !outsiders.has(model);
  return steps
    .filter(({ position, model }) => position === newest && isPart(model))
    .map(({ model }) => model)
    .sort();
}

function inOrder(steps: readonly ForecastStep[]): ForecastStep[] {
  return [...steps].sort((a, b) => a.position - b.position);
}
