export { backtestWindows, type BacktestWindow, type EvaluationSeries } from './backtest.js';
export { parseForecastingManifest, type ForecastingEntry } from './manifest.js';
export { ForecastScorer, pinball, type ForecastScores, type ScoredForecast } from './metrics.js';
export { summarise, type EvaluationSummary, type ScoreTable } from './summary.js';
