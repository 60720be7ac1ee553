import type { Detector } from './detector.js';
import { MultivariateEnsemble } from './multivariate-ensemble.js';
import { Rola, rolaDefaults } from './rola.js';
import { UnivariateEnsemble } from './univariate-ensemble.js';

/**
 * Chosen on NAB (experiments/anomaly): fused surprise of 62 % of what there can be, an alarm in at most 120 points, and
 * each alarm raises the bar by 6.5 % for about 3,000 points.
 */
const ALARMS = { threshold: 0.62, coolDown: 120, habituation: { step: 0.065, points: 3_000 } };
const UNIVARIATE = { ...ALARMS, smoothing: 0.02 };
/** Rows of several channels change faster than windows of one: the severity smooths less. */
const MULTIVARIATE = { ...ALARMS, smoothing: 0.1 };

const FACTORIES = {
  default: (channels: number, seed: number): Detector =>
    channels === 1
      ? new UnivariateEnsemble({ ...UNIVARIATE, seed })
      : new MultivariateEnsemble(channels, { ...MULTIVARIATE, seed }),
  rola: (channels: number, seed: number): Detector => {
    const options = rolaDefaults(channels);
    return new Rola({ ...options, repad2: { ...options.repad2, seed } });
  },
  repad2: (channels: number, seed: number): Detector => {
    const options = rolaDefaults(channels);
    return new Rola({ ...options, vote: false, repad2: { ...options.repad2, seed } });
  },
} satisfies Record<string, (channels: number, seed: number) => Detector>;

/** What `createDetector` can make. */
export type DetectorName = keyof typeof FACTORIES;
/** All of them. */
export const DETECTOR_NAMES = Object.keys(FACTORIES) as DetectorName[];

/** Whether there is a detector of that name. */
export function isDetectorName(name: string): name is DetectorName {
  return Object.hasOwn(FACTORIES, name);
}

/**
 * A detector in its one configuration for all series. `default`: the ensembles; `rola`: one RePAD2 a channel with the vote;
 * `repad2`: the same without the vote.
 */
export function createDetector(name: DetectorName, channels: number, seed = 140): Detector {
  return FACTORIES[name](channels, seed);
}
