import { CANONICAL_LEVELS } from '@app/series';
import { drift, seasonalNaive, type BaselineInput } from './baselines.js';
import { ets, whyNoEts } from './ets.js';
import { mstl, whyNoMstl } from './mstl.js';
import { observedPoints } from './observed-points.js';

/** The statistical models, simplest first. */
export const BASELINES = ['seasonal-naive', 'drift', 'ets', 'mstl'] as const;
export type BaselineName = (typeof BASELINES)[number];

export const BASELINE_MODELS: Readonly<Record<BaselineName, (input: BaselineInput) => Float64Array>> = {
  'seasonal-naive': seasonalNaive,
  drift,
  ets,
  mstl,
};

/** With fewer observed points than this there is nothing to compare on. */
const FEWEST_TO_COMPARE = 12;
/** Steps of one trial: a season, at least 8, and never more than a quarter of the context. */
const TRIAL_STEPS = 8;
const TRIALS = 2;
/** A more complex model has to be this much better: two trials are few. */
const NEEDED_GAIN = 0.95;

/** Which baseline to use on a window, and why. */
export interface Choice {
  readonly model: BaselineName;
  readonly reason: string;
}

/**
 * The best baseline for a window: each one that applies forecasts the last stretches of the context from what came
 * before, and the smallest pinball loss wins, with seasonal naive as the one to beat. With few points seasonal naive,
 * which then is the only one with honest intervals.
 */
export function chooseBaseline(input: BaselineInput): Choice {
  const observed = observedPoints(input);
  if (observed < FEWEST_TO_COMPARE) {
    return { model: 'seasonal-naive', reason: `${observed} observed points are too few to compare models` };
  }
  const trials = trialsOf(input);
  const losses = BASELINES.map((model) => ({ model, loss: meanLoss(model, trials) })).filter(({ loss }) => loss >= 0);
  const reference = losses.find(({ model }) => model === 'seasonal-naive');
  if (!reference) return { model: 'seasonal-naive', reason: 'no observed points to compare models on' };

  const best = losses.reduce((a, b) => (b.loss < a.loss ? b : a));
  if (best === reference || best.loss >= NEEDED_GAIN * reference.loss) {
    return { model: 'seasonal-naive', reason: `no other baseline was clearly better in ${trials.length} trials` };
  }
  const gain = Math.round(100 * (1 - best.loss / reference.loss));
  return { model: best.model, reason: `${gain} % less loss than seasonal-naive in ${trials.length} trials` };
}

interface Trial {
  readonly input: BaselineInput;
  /** What then came; NaN where missing. */
  readonly actual: Float64Array;
}

function trialsOf(input: BaselineInput): Trial[] {
  const { target, season, periods } = input;
  const length = Math.min(input.horizon, Math.max(TRIAL_STEPS, season), Math.floor(target.length / 4));
  return Array.from({ length: TRIALS }, (_, i) => target.length - (TRIALS - i) * length)
    .filter((origin) => target.subarray(0, origin).some((value) => !Number.isNaN(value)))
    .map((origin) => ({
      input: { target: target.slice(0, origin), season, periods, horizon: length },
      actual: target.subarray(origin, origin + length),
    }));
}

/** Mean pinball loss over all trials; NaN where the model does not apply to each of them. */
function meanLoss(model: BaselineName, trials: readonly Trial[]): number {
  const why = { 'seasonal-naive': () => undefined, drift: () => undefined, ets: whyNoEts, mstl: whyNoMstl }[model];
  if (trials.some(({ input }) => why(input) !== undefined)) return Number.NaN;
  let sum = 0;
  let count = 0;
  for (const { input, actual } of trials) {
    let quantiles: Float64Array;
    try {
      quantiles = BASELINE_MODELS[model](input);
    } catch {
      // It would fail on the whole context just as well; the others are compared without it.
      return Number.NaN;
    }
    actual.forEach((value, step) => {
      if (Number.isNaN(value)) return;
      sum += pinball(value, quantiles, step);
      count++;
    });
  }
  return sum / count;
}

function pinball(actual: number, quantiles: Float64Array, step: number): number {
  const width = CANONICAL_LEVELS.length;
  return CANONICAL_LEVELS.reduce((sum, level, i) => {
    const error = actual - quantiles[step * width + i]!;
    return sum + (error >= 0 ? level * error : (level - 1) * error);
  }, 0);
}
