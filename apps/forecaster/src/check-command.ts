import type { Env } from '@app/config';
import { PlatformError } from '@app/observability';

import type { ForecastCommand } from './forecast-client.js';
import { parseInstant } from './instant.js';

/** Clocks of two machines differ by this much at most; a client's "now" is not refused as the future. */
const CLOCK_SKEW_MS = 60_000;
/** Steps of all series of one call or task together: with 13 quantiles each they are 50 MB of text on their way. */
export const MAX_STEPS = 200_000;

type Limits = Pick<Env, 'MAX_HORIZON' | 'MAX_SERIES_PER_CALL'>;

/** @throws PlatformError for what is wrong with a command as a whole, before anything is read. */
export function checkCommand({ series, horizon, asOf }: ForecastCommand, env: Limits, now: Date): void {
  checkHorizon(horizon, env.MAX_HORIZON);
  if (series.length === 0) throw new PlatformError('INVALID_REQUEST', 'the call names no series; name at least one');
  checkSeriesCount(series.length, horizon, env);
  checkAsOf(asOf, now);
}

/** @throws PlatformError INVALID_REQUEST for a text that is no time, and for a time that lies ahead. */
export function checkAsOf(asOf: string | undefined, now: Date): void {
  if (asOf === undefined) return;
  const time = parseInstant(asOf);
  if (time === undefined) {
    throw new PlatformError('INVALID_REQUEST', `as_of "${asOf}" is no time; write it like 2026-01-01T00:00:00Z`);
  }
  if (time > now.getTime() + CLOCK_SKEW_MS) {
    throw new PlatformError('INVALID_REQUEST', `as_of ${asOf} lies in the future, of which nothing is known yet`);
  }
}

/** @throws PlatformError where the series of a call, once items are spread into channels, are more than it may have. */
export function checkSeriesCount(count: number, horizon: number, { MAX_SERIES_PER_CALL }: Limits): void {
  const allowed = Math.min(MAX_SERIES_PER_CALL, Math.max(1, Math.floor(MAX_STEPS / horizon)));
  if (count <= allowed) return;
  const message = `the call asks for ${count} series, at most ${allowed} at a horizon of ${horizon}; split it`;
  throw new PlatformError('TOO_MANY_SERIES', message, { maxSeries: allowed });
}

/** @throws PlatformError where the horizon is no whole number of steps within the limit. */
export function checkHorizon(horizon: number, maxHorizon: number): void {
  if (!Number.isInteger(horizon) || horizon < 1) {
    throw new PlatformError('INVALID_REQUEST', `horizon ${horizon} is not usable; it is a number of steps from 1`);
  }
  if (horizon <= maxHorizon) return;
  throw new PlatformError('HORIZON_TOO_LONG', `horizon ${horizon} is above the limit of ${maxHorizon} steps`, {
    maxHorizon,
  });
}
