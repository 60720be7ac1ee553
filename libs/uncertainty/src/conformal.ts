import { CANONICAL_LEVELS, normalQuantile } from '@app/series';
import { RecentScores } from './recent-scores.js';

const WIDTH = CANONICAL_LEVELS.length;
/** Symmetric pairs of levels, outermost first: (0.025, 0.975) … (0.4, 0.6). */
const PAIRS = WIDTH >> 1;
/** Nominal coverage of each pair: 0.95, 0.9, 0.8, 0.6, 0.4, 0.2. */
export const PAIR_COVERAGES: readonly number[] = CANONICAL_LEVELS.slice(0, PAIRS).map((level) =>
  Number((1 - 2 * level).toFixed(10)),
);
/** The 80 % interval is the measure of a forecast's scale: of all that are shown it has the most points beside it. */
const SCALE_PAIR = PAIR_COVERAGES.indexOf(0.8);
/** A score beyond is as good as infinite: the interval had no width to speak of. */
const MOST_WIDTHS = 100;

/** How a calibration learns. Defaults were chosen on simulated breaks and on series of the training corpus. */
export interface ConformalOptions {
  /** Scores kept, the newest: the rolling calibration window. */
  readonly window: number;
  /** Scores after which one counts half. */
  readonly halfLife: number;
  /** Step of adaptive conformal inference (Gibbs & Candès 2021, γ); 0 switches it off. */
  readonly adaptation: number;
}

export const CONFORMAL_DEFAULTS: ConformalOptions = { window: 200, halfLife: 40, adaptation: 0.002 };

/** What a calibration of one lead bucket comes to: made into rows of `calibrations`, and applied. JSON. */
export interface Calibration {
  /** Scores that it rests on. */
  readonly scores: number;
  /** By how many widths of the 80 % interval each end of a pair moves out, outermost pair first; negative moves in. */
  readonly offsets: readonly number[];
  /** The share of misses that each pair aims at now, to get its nominal one. */
  readonly missTargets: readonly number[];
}

/** Fewest scores that can vouch for a coverage: the next one exceeds all n with probability 1/(n + 1). */
export function fewestScores(coverage: number): number {
  return Math.ceil(Number((coverage / (1 - coverage)).toFixed(9)));
}

/**
 * Learns from each arrived actual how far the ends of the intervals of one lead bucket have to move: conformalised
 * quantile regression for each symmetric pair (Romano et al. 2019), with scores in widths of the 80 % interval (Sesia &
 * Candès 2020) so that windows of different spread can be pooled, weighted by recency (Barber et al. 2023), and aimed at
 * a share of misses that follows what was missed (adaptive conformal inference, Gibbs & Candès 2021).
 *
 * Keeps the newest `window` scores; older ones are forgotten.
 */
export class ConformalCalibrator {
  readonly #scores: readonly RecentScores[];
  readonly #missTargets = PAIR_COVERAGES.map((coverage) => 1 - coverage);
  #current: Calibration | undefined;

  constructor(private readonly options: ConformalOptions = CONFORMAL_DEFAULTS) {
    this.#scores = PAIR_COVERAGES.map(() => new RecentScores(options.window, options.halfLife));
  }

  /**
   * Learns from one arrived actual.
   *
   * @param quantiles the 13 canonical quantiles before any calibration, ascending.
   * @param origin number of the forecast that they are of, from 0; steps of the same one miss together.
   */
  add(actual: number, quantiles: ArrayLike<number>, origin?: number): void {
    const scores = conformalScores(actual, quantiles);
    const { adaptation } = this.options;
    if (adaptation > 0 && this.#scores[0]!.count >= fewestScores(PAIR_COVERAGES[0]!)) {
      const { offsets } = this.calibration();
      PAIR_COVERAGES.forEach((coverage, pair) => {
        const missed = scores[pair]! > offsets[pair]! ? 1 : 0;
        const target = this.#missTargets[pair]! + adaptation * (1 - coverage - missed);
        // Within what the scores can tell apart: at 0 the interval would be everything, and it takes long to come back.
        this.#missTargets[pair] = Math.min(Math.max(target, (1 - coverage) / 20), 1 - coverage / 2);
      });
    }
    this.#scores.forEach((own, pair) => own.add(scores[pair]!, origin));
    this.#current = undefined;
  }

  /** What has been learnt so far. */
  calibration(): Calibration {
    this.#current ??= {
      scores: this.#scores[0]!.count,
      offsets: PAIR_COVERAGES.map((coverage, pair) =>
        offsetOf(this.#scores[pair]!, 1 - this.#missTargets[pair]!, coverage),
      ),
      missTargets: [...this.#missTargets],
    };
    return this.#current;
  }
}

/**
 * How far an actual lies outside each pair, in widths of the 80 % interval; negative inside. Outermost pair first.
 *
 * @param quantiles the 13 canonical quantiles, ascending.
 */
export function conformalScores(actual: number, quantiles: ArrayLike<number>): Float64Array {
  const scale = scaleOf(quantiles);
  return Float64Array.from({ length: PAIRS }, (_, pair) => {
    const outside = Math.max(quantiles[pair]! - actual, actual - quantiles[WIDTH - 1 - pair]!);
    return Math.min(Math.max(outside / scale, -MOST_WIDTHS), MOST_WIDTHS);
  });
}

/** Between which values a calibration may move the ends of an interval. */
export interface Reach {
  readonly low: number;
  readonly high: number;
}

/** Any value. */
export const UNBOUNDED: Reach = { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };

/**
 * How far the values of a series may be expected to go by what it has shown: half of its range beyond either end.
 * Whatever was missed lately, an interval many times as wide as anything that was ever seen tells nobody anything.
 *
 * @param values NaN where missing.
 */
export function reachOf(values: ArrayLike<number>): Reach {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const beyond = (high - low) / 2;
  return high > low ? { low: low - beyond, high: high + beyond } : UNBOUNDED;
}

/**
 * Moves the ends of the intervals of one step, in place; what then crosses is sorted.
 *
 * @param quantiles the 13 canonical quantiles of a step.
 * @param reach ends are not moved out beyond it; what the model itself said stands.
 */
export function applyCalibration(
  quantiles: Float64Array,
  { offsets }: Pick<Calibration, 'offsets'>,
  { low, high }: Reach = UNBOUNDED,
): Float64Array {
  const scale = scaleOf(quantiles);
  const median = quantiles[PAIRS]!;
  offsets.forEach((offset, pair) => {
    const [lower, upper] = [quantiles[pair]!, quantiles[WIDTH - 1 - pair]!];
    // An interval may shrink to its median, not beyond.
    quantiles[pair] = Math.min(Math.max(lower - offset * scale, Math.min(lower, low)), median);
    quantiles[WIDTH - 1 - pair] = Math.max(Math.min(upper + offset * scale, Math.max(upper, high)), median);
  });
  return quantiles.sort();
}

/**
 * With enough scores their conformal quantile, as far as it is earned. With fewer the interval never gets narrower, and reaches as far as the
 * farthest score, stretched as a normal tail would from the coverage that so few scores vouch for to the one wanted.
 */
function offsetOf(scores: RecentScores, aim: number, nominal: number): number {
  const { count, largest } = scores;
  if (count === 0) return 0;
  if (count >= fewestScores(nominal)) {
    const quantile = scores.conformalQuantile(aim);
    return earned(scores, nominal) * (Number.isFinite(quantile) ? quantile : largest);
  }
  const vouched = Math.min(count / (count + 1), nominal);
  return Math.max(0, (largest * normalQuantile((1 + nominal) / 2)) / normalQuantile((1 + vouched) / 2));
}

/**
 * An interval that covers what it promises, as far as chance lets one tell, is left alone: moving its ends after every
 * accident costs sharpness and gains no coverage. Nothing up to one standard error of the share inside, all from two on
 * (ours; a soft threshold).
 */
function earned(scores: RecentScores, nominal: number): number {
  const { share, count } = scores.shareUpTo(0);
  const error = Math.sqrt((nominal * (1 - nominal)) / count);
  return Math.min(1, Math.max(0, Math.abs(share - nominal) / error - 1));
}

/** Width of the 80 % interval; where it has none, a speck of the value. */
function scaleOf(quantiles: ArrayLike<number>): number {
  const width = quantiles[WIDTH - 1 - SCALE_PAIR]! - quantiles[SCALE_PAIR]!;
  return width > 0 ? width : Math.abs(quantiles[PAIRS]!) * 1e-9 || 1e-9;
}
