import { CANONICAL_LEVELS, type ModelQuantiles } from '@app/series';
import {
  aggregate,
  applyCalibration,
  averageWeights,
  ConformalCalibrator,
  leadBucket,
  modelShares,
  pinball,
  type AggregationWeights,
  type Calibration,
} from '@app/uncertainty';

const WIDTH = CANONICAL_LEVELS.length;
// Constants chosen on held-out series of the training corpus, never on the evaluation sets.
/** Share that a baseline begins with, of that of a network: on 12 held-out groups 0.05 to 0.15 were equally good. */
export const BASELINE_PRIOR = 0.1;
/** How fast a model loses weight with what it lost in the trial beyond the best one. */
const SHARPNESS = 4;
/** Points of a trial at which half of what it says about the intervals is believed, and fewest that say anything. */
const TRIAL_TRUST = { half: 300, fewest: 40 };

/** What one model said about a window, and about its trial. */
export interface Candidate extends ModelQuantiles {
  readonly kind: 'network' | 'baseline';
  /** Quantiles of the trial's steps; undefined where there was no trial. */
  readonly trial?: Float64Array;
}

/** What the scorecard has taught about a series; each part may be absent. */
export interface SeriesKnowledge {
  readonly weights?: { readonly version: number; readonly weights: AggregationWeights };
  /** By first step of the lead bucket. */
  readonly calibration?: { readonly version: number; readonly buckets: Readonly<Record<string, Calibration>> };
  /** `aggregate`, or the one model that is served instead. */
  readonly champion?: { readonly version: number; readonly model: string; readonly reason: string };
}

/** How a forecast was put together, for `parts`. */
export interface Plan {
  /** Share of each model, adding up to 1. */
  readonly models: Readonly<Record<string, number>>;
  readonly weights: { readonly from: 'scorecard' | 'trial' | 'prior' | 'champion'; readonly version?: number };
  readonly calibration: {
    readonly from: 'scorecard' | 'trial' | 'none';
    readonly version?: number;
    readonly scores: number;
  };
  readonly champion?: { readonly model: string; readonly version: number; readonly reason: string };
}

/** The name under which the weighted mean of the models goes. */
export const AGGREGATE = 'aggregate';
/** And under which the scorecard keeps it as it was before its intervals were calibrated. */
export const UNCALIBRATED = 'aggregate-uncalibrated';

/**
 * Puts one forecast together: weights, mean of the quantiles, no crossing, calibrated intervals, and the champion of the
 * series instead where it has another one.
 *
 * @param actual what came in the trial; NaN where missing.
 * @returns served: steps × 13; raw: the aggregate before calibration.
 */
export function combine(
  given: readonly Candidate[],
  actual: Float64Array | undefined,
  knowledge: SeriesKnowledge = {},
): { served: Float64Array; raw: Float64Array; plan: Plan } {
  const { candidates, weights, from, version } = weightsOf(given, actual, knowledge);
  const raw = aggregate(
    candidates.map(({ quantiles }) => quantiles),
    weights,
  );
  const champion = candidates.find(({ model }) => model === knowledge.champion?.model);
  if (champion) {
    const calibration = { from: 'none' as const, scores: 0 };
    const plan = { models: { [champion.model]: 1 }, weights: { from: 'champion' as const }, calibration };
    return { served: champion.quantiles, raw, plan: { ...plan, champion: knowledge.champion! } };
  }
  const served = raw.slice();
  const calibration = calibrate(served, candidates, weights, actual, knowledge);
  const plan = {
    models: modelShares(weights),
    weights: { from, ...(version !== undefined && { version }) },
    calibration,
  };
  return { served, raw, plan };
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

function weightsOf(candidates: readonly Candidate[], actual: Float64Array | undefined, { weights }: SeriesKnowledge) {
  const learnt = weights && inOrderOf(weights.weights.models, candidates);
  if (learnt)
    return { candidates: learnt, weights: weights.weights, from: 'scorecard' as const, version: weights.version };
  const models = candidates.map(({ model }) => model);
  const prior = candidates.map(({ kind }) => (kind === 'network' ? 0 : Math.log(BASELINE_PRIOR)));
  const losses = actual && candidates.map(({ trial }) => (trial ? trialLoss(trial, actual) : Number.NaN));
  const best = Math.min(...(losses ?? []).filter((loss) => !Number.isNaN(loss)));
  if (!losses || !Number.isFinite(best) || best <= 0) {
    return {
      candidates,
      weights: { ...averageWeights(models), logits: prior },
      from: 'prior' as const,
      version: undefined,
    };
  }
  const logits = losses.map((loss, i) => prior[i]! - (Number.isNaN(loss) ? 0 : SHARPNESS * (loss / best - 1)));
  // A model that stood in a trial far worse than the best keeps a share that is zero for any purpose.
  const floored = logits.map((logit) => Math.max(logit, -30));
  return {
    candidates,
    weights: { ...averageWeights(models), logits: floored },
    from: 'trial' as const,
    version: undefined,
  };
}

/** The candidates as learnt weights want them; undefined where there are others, or fewer. */
function inOrderOf(models: readonly string[], candidates: readonly Candidate[]): Candidate[] | undefined {
  const ordered = models.flatMap((name) => candidates.find(({ model }) => model === name) ?? []);
  return ordered.length === models.length && ordered.length === candidates.length ? ordered : undefined;
}

/** Calibrates in place: by what the scorecard learnt, else, shrunk, by what the trial shows. */
function calibrate(
  served: Float64Array,
  candidates: readonly Candidate[],
  weights: AggregationWeights,
  actual: Float64Array | undefined,
  { calibration }: SeriesKnowledge,
): Plan['calibration'] {
  if (calibration) {
    let scores = 0;
    for (let step = 1; step * WIDTH <= served.length; step++) {
      const bucket = calibration.buckets[leadBucket(step)];
      if (!bucket) continue;
      applyCalibration(served.subarray((step - 1) * WIDTH, step * WIDTH), bucket);
      scores = Math.max(scores, bucket.scores);
    }
    return { from: 'scorecard', version: calibration.version, scores };
  }
  const trials = candidates.map(({ trial }) => trial);
  if (!actual || trials.some((trial) => !trial)) return { from: 'none', scores: 0 };
  return calibrateByTrial(served, aggregate(trials as Float64Array[], weights), actual);
}

function calibrateByTrial(served: Float64Array, trial: Float64Array, actual: Float64Array): Plan['calibration'] {
  const calibrator = new ConformalCalibrator({
    window: actual.length,
    halfLife: Number.POSITIVE_INFINITY,
    adaptation: 0,
  });
  actual.forEach((value, step) => {
    if (!Number.isNaN(value)) calibrator.add(value, trial.subarray(step * WIDTH, (step + 1) * WIDTH));
  });
  const { scores, offsets } = calibrator.calibration();
  if (scores < TRIAL_TRUST.fewest) return { from: 'none', scores };
  // The points of one trial are wrong together, so they are worth far fewer.
  const trust = scores / (scores + TRIAL_TRUST.half);
  const shrunk = offsets.map((offset) => trust * offset);
  for (let start = 0; start < served.length; start += WIDTH) {
    applyCalibration(served.subarray(start, start + WIDTH), { offsets: shrunk });
  }
  return { from: 'trial', scores };
}
