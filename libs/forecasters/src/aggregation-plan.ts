import { CANONICAL_LEVELS, type ModelQuantiles } from '@app/series';
import {
  aggregate,
  applyCalibration,
  averageWeights,
  leadBucket,
  modelShares,
  pinball,
  UNBOUNDED,
  type AggregationWeights,
  type Calibration,
  type Reach,
} from '@app/uncertainty';
import { BASELINES } from './best-baseline.js';
import { isRecent } from './recent-forecaster.js';

const WIDTH = CANONICAL_LEVELS.length;
// Constants chosen on held-out series of the training corpus, never on the evaluation sets: experiments/uncertainty.
/** What a baseline, or a network that sees the last points only, begins with beside a weight of 1 for all networks. */
const PRIOR = 0.05;
/** How fast a model loses weight with what it lost in the trial beyond the best one. */
const SHARPNESS = 8;
/** Below this a model has as good as no weight, and a baseline is not worth fitting to the whole window. */
export const SPECK = 0.05;
/** What learnt weights may give to models that are not heard now, and still hold for the others. */
const MOST_MISSING = 0.2;

/** What one model said about a window, and about its trial. */
export interface Candidate extends ModelQuantiles {
  /** Quantiles of the trial's steps; undefined where there was no trial. */
  readonly trial?: Float64Array;
}

/** Weights that the scorecard has taught. */
export interface LearntWeights {
  readonly version: number;
  readonly weights: AggregationWeights;
}

/** What the scorecard has taught about a series; each part may be absent. */
export interface SeriesKnowledge {
  readonly weights?: LearntWeights;
  /** Of the group that the series belongs to: what a trial begins with. */
  readonly group?: LearntWeights;
  /** By first step of the lead bucket. */
  readonly calibration?: { readonly version: number; readonly buckets: Readonly<Record<string, Calibration>> };
  /** `aggregate`, or the one model that is served instead. */
  readonly champion?: { readonly version: number; readonly model: string; readonly reason: string };
}

/** How a forecast was put together, for `parts`. */
export interface Plan {
  /** Share of each model, adding up to 1. */
  readonly models: Readonly<Record<string, number>>;
  readonly weights: {
    readonly from: 'scorecard' | 'trial' | 'prior' | 'champion';
    readonly version?: number;
    /** Version of the group's weights that a trial began with. */
    readonly group?: number;
  };
  readonly calibration: { readonly from: 'scorecard' | 'none'; readonly version?: number; readonly scores: number };
  readonly champion?: { readonly model: string; readonly version: number; readonly reason: string };
}

/** The name under which the weighted mean of the models goes. */
export const AGGREGATE = 'aggregate';
/** And under which the scorecard keeps it as it was before its intervals were calibrated. */
export const UNCALIBRATED = 'aggregate-uncalibrated';
/** Always heard, so that the guard can tell when the aggregate loses to it; never part of the aggregate. */
export const REFERENCE = 'seasonal-naive';

/**
 * Puts one forecast together: weights, mean of the quantiles, no crossing, calibrated intervals, and the champion of the
 * series instead where it has another one.
 *
 * @param heard at least one that is not the reference.
 * @param actual what came in the trial; NaN where missing.
 * @param reach how far a calibration may move the ends of intervals.
 * @returns served: steps × 13; raw: the aggregate before calibration.
 */
export function combine(
  heard: readonly Candidate[],
  actual: Float64Array | undefined,
  knowledge: SeriesKnowledge = {},
  reach: Reach = UNBOUNDED,
): { served: Float64Array; raw: Float64Array; plan: Plan } {
  const { weights, ...from } = weigh(heard, actual, knowledge);
  const raw = aggregate(
    weights.models.map((name) => heard.find(({ model }) => model === name)!.quantiles),
    weights,
  );
  const champion = heard.find(({ model }) => model === knowledge.champion?.model);
  if (champion) {
    const calibration = { from: 'none' as const, scores: 0 };
    const plan = { models: { [champion.model]: 1 }, weights: { from: 'champion' as const }, calibration };
    return { served: champion.quantiles, raw, plan: { ...plan, champion: knowledge.champion! } };
  }
  const served = raw.slice();
  const calibration = calibrate(served, knowledge, reach);
  return { served, raw, plan: { models: modelShares(weights), weights: from, calibration } };
}

/**
 * The weights of the models that were heard: those that the scorecard has taught about the series; else those of the
 * trial, which begin at what it has taught about the group, or at the prior.
 */
export function weigh(
  heard: readonly Pick<Candidate, 'model' | 'trial'>[],
  actual: Float64Array | undefined,
  { weights, group }: SeriesKnowledge,
): Plan['weights'] & { readonly weights: AggregationWeights } {
  const candidates = heard.filter(({ model }) => model !== REFERENCE);
  const models = candidates.map(({ model }) => model);
  const learnt = weights && learntFor(weights.weights, models);
  if (learnt) return { weights: learnt, from: 'scorecard', version: weights.version };

  const prior = priorLogits(models, group?.weights);
  const version = group && { group: group.version };
  const losses = candidates.map(({ trial }) => (trial && actual ? trialLoss(trial, actual) : Number.NaN));
  const best = Math.min(...losses.filter((loss) => !Number.isNaN(loss)));
  // The least weight that a model can have is zero for any purpose.
  const logits =
    Number.isFinite(best) && best > 0
      ? losses.map((loss, i) => Math.max(-30, prior[i]! - (Number.isNaN(loss) ? 0 : SHARPNESS * (loss / best - 1))))
      : prior;
  return { weights: { ...averageWeights(models), logits }, from: logits === prior ? 'prior' : 'trial', ...version };
}

/**
 * Where the weights of models begin: all networks that see the whole window alike, with a weight of 1 together; the others
 * far lower. Where the scorecard has taught about the group, with what it has.
 */
export function priorLogits(models: readonly string[], group?: AggregationWeights): number[] {
  const networks = models.filter((model) => !isExtra(model)).length;
  const shares = group ? modelShares(group) : {};
  return models.map((model) => Math.log(Math.max(shares[model] ?? (isExtra(model) ? PRIOR : 1 / networks), 1e-6)));
}

/** The learnt weights of the models that are heard; undefined where they know too little of these. */
export function learntFor(weights: AggregationWeights, models: readonly string[]): AggregationWeights | undefined {
  if (weights.resolution !== 'coarse' || !weights.logits) return undefined;
  // A network that came since must not be left out because nobody has weighed it yet.
  if (models.some((model) => !isExtra(model) && !weights.models.includes(model))) return undefined;
  const shares = modelShares(weights);
  const missing = weights.models.reduce((sum, model) => sum + (models.includes(model) ? 0 : shares[model]!), 0);
  if (missing > MOST_MISSING) return undefined;
  const kept = weights.models.flatMap((model, i) =>
    models.includes(model) ? [[model, weights.logits![i]!] as const] : [],
  );
  return { ...weights, models: kept.map(([model]) => model), logits: kept.map(([, logit]) => logit) };
}

/** Mean pinball loss over the steps that have an actual. */
export function trialLoss(quantiles: Float64Array, actual: Float64Array): number {
  let [sum, count] = [0, 0];
  actual.forEach((value, step) => {
    if (Number.isNaN(value)) return;
    CANONICAL_LEVELS.forEach((level, i) => (sum += pinball(value, quantiles[step * WIDTH + i]!, level)));
    count++;
  });
  return sum / (count * WIDTH);
}

/** What has to earn its weight. */
function isExtra(model: string): boolean {
  return isRecent(model) || (BASELINES as readonly string[]).includes(model);
}

/** Calibrates in place, each lead by what the scorecard has taught about its bucket. */
function calibrate(served: Float64Array, { calibration }: SeriesKnowledge, reach: Reach): Plan['calibration'] {
  if (!calibration) return { from: 'none', scores: 0 };
  let scores = 0;
  for (let step = 1; step * WIDTH <= served.length; step++) {
    const bucket = calibration.buckets[leadBucket(step)];
    if (!bucket) continue;
    applyCalibration(served.subarray((step - 1) * WIDTH, step * WIDTH), bucket, reach);
    scores = Math.max(scores, bucket.scores);
  }
  return { from: 'scorecard', version: calibration.version, scores };
}
