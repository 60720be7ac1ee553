import { PlatformError } from '@app/observability';
import type { ContextWindow } from '@app/series';

import type { ForecastFailure } from './forecast-client.js';

/** Points that a forecaster sees at most: what the networks are trained on. */
export const CONTEXT_LENGTH = 512;

/** A window and what has to be remembered of its series until the forecast is stored. */
export interface SeriesContext {
  readonly window: ContextWindow;
  /** The series gave no hint of its spacing, the configured default was taken. */
  readonly freqAssumed: boolean;
  /** Null for a series that came with the command. */
  readonly seriesId: number | null;
  readonly traceparent: string | null;
  /** Absent for a series that came with the command. */
  readonly source?: ContextSource;
}

/** Which points a window was made of: those known at one time, up to another. Milliseconds. */
export interface ContextSource {
  readonly knownAt: number;
  /** Time of the newest point. */
  readonly newest: number;
}

/** A series on its way to a forecast: a context, or the reason why there is none. */
export type Prepared = SeriesContext | ForecastFailure;

/** Whether a series on its way has failed. */
export function isFailure(candidate: object): candidate is ForecastFailure {
  return 'code' in candidate;
}

/** Whether a series on its way has a context. */
export function isContext(prepared: Prepared): prepared is SeriesContext {
  return !isFailure(prepared);
}

/** The failure that tells of an error. */
export function failureOf(series: { itemId: string; channel?: string | null }, error: PlatformError): ForecastFailure {
  return { itemId: series.itemId, channel: series.channel ?? null, code: error.code, message: error.message };
}
