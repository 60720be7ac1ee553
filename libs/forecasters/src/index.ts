export type { Forecaster, ModelDescription } from './forecaster.js';
export { ForecasterCatalogue, type CatalogueOptions } from './forecaster-catalogue.js';
export { decodeGreedily } from './greedy-decoding.js';
export type { Together } from './network.js';
export { AggregateForecaster } from './aggregate.js';
export {
  AGGREGATE,
  REFERENCE,
  UNCALIBRATED,
  priorLogits,
  type LearntWeights,
  type SeriesKnowledge,
} from './aggregation-plan.js';
export { BASELINES } from './best-baseline.js';
