import { CANONICAL_LEVELS } from '@app/series';
import { pinball } from './pinball.js';

const WIDTH = CANONICAL_LEVELS.length;
const MEDIAN = CANONICAL_LEVELS.indexOf(0.5);
/** Columns of the levels .1 – .9, over which WQL is defined. */
const WQL_COLUMNS = CANONICAL_LEVELS.flatMap((level, i) => (level >= 0.1 && level <= 0.9 ? [i] : []));
const [LOWER_80, LOWER_95] = [CANONICAL_LEVELS.indexOf(0.1), CANONICAL_LEVELS.indexOf(0.025)];

/** Sums over scored points that every score of the scorecard is a ratio of; they may be added and taken back. */
export interface ScoreSums {
  readonly points: number;
  /** Σ mean over the levels .1 – .9 of 2 · pinball: the numerator of WQL. */
  readonly loss: number;
  /** Σ |actual|: its denominator. */
  readonly absActual: number;
  /** Σ pinball at each of the 13 canonical levels. */
  readonly pinball: readonly number[];
  readonly inside80: number;
  readonly inside95: number;
  readonly width80: number;
  readonly width95: number;
  /** Σ |actual − median|. */
  readonly absError: number;
  /** Σ |actual − median| / seasonal-naive error inside the context of the forecast, over the points that have one. */
  readonly scaledError: number;
  readonly scaledPoints: number;
}

/** Nothing scored. */
export const NO_SCORES: ScoreSums = {
  points: 0,
  loss: 0,
  absActual: 0,
  pinball: CANONICAL_LEVELS.map(() => 0),
  inside80: 0,
  inside95: 0,
  width80: 0,
  width95: 0,
  absError: 0,
  scaledError: 0,
  scaledPoints: 0,
};

/**
 * The sums of one forecast step and its actual.
 *
 * @param quantiles the 13 canonical quantiles of the step.
 * @param naiveError mean absolute error of seasonal naive inside the forecast's context; NaN or 0 where there is none.
 */
export function scorePoint(actual: number, quantiles: ArrayLike<number>, naiveError: number): ScoreSums {
  const losses = CANONICAL_LEVELS.map((level, i) => pinball(actual, quantiles[i]!, level));
  const absError = Math.abs(actual - quantiles[MEDIAN]!);
  const inside = (lower: number) => (actual >= quantiles[lower]! && actual <= quantiles[WIDTH - 1 - lower]! ? 1 : 0);
  const width = (lower: number) => quantiles[WIDTH - 1 - lower]! - quantiles[lower]!;
  const scaled = naiveError > 0;
  return {
    points: 1,
    loss: WQL_COLUMNS.reduce((sum, i) => sum + 2 * losses[i]!, 0) / WQL_COLUMNS.length,
    absActual: Math.abs(actual),
    pinball: losses,
    inside80: inside(LOWER_80),
    inside95: inside(LOWER_95),
    width80: width(LOWER_80),
    width95: width(LOWER_95),
    absError,
    scaledError: scaled ? absError / naiveError : 0,
    scaledPoints: scaled ? 1 : 0,
  };
}

/** `sums` with `sign` times `point`: 1 counts it in, −1 takes back what was counted. */
export function addScores(sums: ScoreSums, point: ScoreSums, sign: 1 | -1): ScoreSums {
  const add = (key: Exclude<keyof ScoreSums, 'pinball'>) => sums[key] + sign * point[key];
  return {
    points: add('points'),
    loss: add('loss'),
    absActual: add('absActual'),
    pinball: sums.pinball.map((sum, i) => sum + sign * point.pinball[i]!),
    inside80: add('inside80'),
    inside95: add('inside95'),
    width80: add('width80'),
    width95: add('width95'),
    absError: add('absError'),
    scaledError: add('scaledError'),
    scaledPoints: add('scaledPoints'),
  };
}
