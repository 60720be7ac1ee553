export { regularise, type ContextWindow, type ObservedPoints } from './context-window.js';
export { forecastTimes, type ForecastStatus, type ModelQuantiles, type QuantileForecast } from './forecast.js';
export { Frequency, isTimeZone } from './frequency.js';
export { ObservationFlag } from './observation.js';
export {
  CANONICAL_LEVELS,
  coverageToLevels,
  meanOfQuantiles,
  normalQuantile,
  quantilesAt,
  sortQuantiles,
} from './quantile.js';
export { fitScaler, type Scaler } from './scaler.js';
export { inferSeason, seasonalDifference } from './season.js';
