export type { Forecaster, ModelDescription } from './forecaster.js';
