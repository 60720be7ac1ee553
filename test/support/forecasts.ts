import type { ForecastCommand, ForecastOutcome } from '../../apps/forecaster/src/forecast-client.js';
import { forecastService } from '../../apps/forecaster/test/forecast-service.js';
import { RecordingForecaster } from '../../apps/forecaster/test/recording-forecaster.js';
import { storeSeries, type SeriesSeed } from '../../apps/forecaster/test/stored-series.js';
import { truncate, useDatabase, type TestDatabase } from './database.js';

export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;
/** When forecasts are asked for, unless a test says otherwise. */
export const NOW = new Date('2026-06-01T12:00:00Z');

/** What `useForecasts` gives to a spec file. */
export interface Forecasts {
  readonly database: () => TestDatabase;
  /** The forecaster of the test at hand. */
  readonly forecaster: () => RecordingForecaster;
  /** Stores a series and its points; gives its id. */
  readonly store: (seed: SeriesSeed) => Promise<number>;
  /** Asks the real service: by default for three steps of the item `a`. */
  readonly forecast: (command: Partial<ForecastCommand>, now?: Date) => Promise<ForecastOutcome>;
}

/** A database of the spec file's own, empty before each test, and a fresh forecaster. */
export function useForecasts(): Forecasts {
  const database = useDatabase();
  let forecaster: RecordingForecaster;
  beforeEach(async () => {
    forecaster = new RecordingForecaster();
    await truncate(database().dataSource, 'forecasts', 'observations', 'observation_revisions', 'series');
  });
  return {
    database,
    forecaster: () => forecaster,
    store: (seed) => storeSeries(database().dataSource, seed),
    forecast: (command, now = NOW) =>
      forecastService(database().dataSource, forecaster).forecast(
        { series: [{ itemId: 'a' }], horizon: 3, model: 'auto', store: true, ...command },
        now,
      ),
  };
}

/** `count` points every `step` milliseconds from `start`, with the values 0, 1, 2 … */
export function every(step: number, start: string, count: number): (readonly [ts: number, value: number])[] {
  return Array.from({ length: count }, (_, i) => [Date.parse(start) + i * step, i] as const);
}

export const iso = (ts: number): string => new Date(ts).toISOString();
