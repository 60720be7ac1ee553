export { type AlarmGateOptions, type Habituation } from './alarm-gate.js';
export { AlertBudget, type AlertBudgetOptions } from './alert-budget.js';
export { Clock } from './clock.js';
export { createDetector, DETECTOR_NAMES, isDetectorName, type DetectorName } from './catalogue.js';
export { type Detection, type Detector, type Evidence, type PointStatus } from './detector.js';
export { EventMerger, type AnomalyEvent } from './event-merger.js';
export { ForecastResidual, type ForecastResidualOptions, type ResidualVerdict } from './forecast-residual.js';
export { majorityVote, type ChannelVote, type IsolatedPolicy, type Partner } from './majority-vote.js';
export { MultivariateEnsemble, type MultivariateFinding } from './multivariate-ensemble.js';
export { REPAD2_DEFAULTS, RePad2, type LadVerdict, type RePad2Options } from './repad2.js';
export { Rola, rolaDefaults, type Lad, type RolaFinding, type RolaOptions } from './rola.js';
export { RowAligner, type AlignedRow, type RowAlignerOptions } from './row-aligner.js';
export { StateReader, StateWriter, restored, type Stateful } from './state.js';
export {
  suppressionReason,
  type Candidate,
  type KnownEvent,
  type SuppressionReason,
  type SuppressionRules,
} from './suppression.js';
export { UnivariateEnsemble, type EnsembleOptions } from './univariate-ensemble.js';
