export { aggregate, averageWeights, modelShares, type AggregationWeights, type Resolution } from './aggregation.js';
export {
  applyCalibration,
  conformalScores,
  fewestScores,
  CONFORMAL_DEFAULTS,
  ConformalCalibrator,
  PAIR_COVERAGES,
  reachOf,
  UNBOUNDED,
  type Calibration,
  type ConformalOptions,
  type Reach,
} from './conformal.js';
export { copulaRanks } from './copula.js';
export { featureNames, stepFeatures, type FeatureWindow } from './features.js';
export { fitAggregation, type AggregationOptions, type AggregationSample } from './fit-aggregation.js';
export { chooseChampion, GUARD_DEFAULTS, type ChampionDecision, type GuardOptions, type LossBlock } from './guard.js';
export { leadBucket } from './lead-bucket.js';
export { countCrossings, uncross, type NonCrossing } from './non-crossing.js';
export { pinball } from './pinball.js';
export {
  bottomUp,
  minTrace,
  nodeCount,
  reconcileStep,
  type Hierarchy,
  type NodeForecasts,
  type Projection,
} from './reconciliation.js';
export { addScores, NO_SCORES, scorePoint, type ScoreSums } from './scorecard.js';
export { shrunkCovariance, type ShrunkCovariance } from './shrinkage.js';
