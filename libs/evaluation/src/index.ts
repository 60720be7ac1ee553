export { parseAnomalyManifest, type AnomalyEntry } from './anomaly-manifest.js';
export { backtestWindows, type BacktestWindow, type EvaluationSeries } from './backtest.js';
export { eventScores, type EventScores } from './event-score.js';
export { parseForecastingManifest, type ForecastingEntry } from './manifest.js';
export { ForecastScorer, type ForecastScores, type ScoredForecast } from './metrics.js';
export {
  NAB_PROFILES,
  nabOptimise,
  nabProbation,
  nabScoreAt,
  type NabProfile,
  type NabProfileName,
  type NabResult,
  type NabSeries,
} from './nab-score.js';
export { summarise, type EvaluationSummary, type ScoreTable } from './summary.js';
export { textbookSeasonalNaive } from './textbook-naive.js';
export { volumeUnderSurface, vusWindow, type VusScores } from './vus.js';
