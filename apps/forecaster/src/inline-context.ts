import { PlatformError } from '@app/observability';
import { Frequency, inferSeason, isTimeZone } from '@app/series';

import type { InlineSeries } from './forecast-client.js';
import { parseInstant } from './instant.js';
import { CONTEXT_LENGTH, failureOf, type Prepared } from './series-context.js';

/** The channel of a series that names none. */
const DEFAULT_CHANNEL = 'value';
/** Longest inline series; only the newest points are looked at, so more would be carried for nothing. */
export const MAX_INLINE_POINTS = 100_000;

const LAST_CUTOFF = Date.UTC(10_000, 0, 1);

/**
 * The context of a series that came with the command. Its grid is taken as given: the forecast begins one step after
 * the last entry of `target`, be that a gap or not. A series that can't be used is a failure, as others may be good.
 */
export function inlineContext(series: InlineSeries): Prepared {
  const channel = series.channel ?? DEFAULT_CHANNEL;
  try {
    return { window: windowOf(series, channel), freqAssumed: false, seriesId: null, traceparent: null };
  } catch (error) {
    if (error instanceof PlatformError) return failureOf({ itemId: series.itemId, channel }, error);
    throw error;
  }
}

function windowOf(series: InlineSeries, channel: string) {
  const freq = parseFreq(series);
  const timeZone = checkTimeZone(series);
  const start = parseStart(series);
  const cutoff = freq.addTo(start, series.target.length - 1, timeZone);
  if (!(cutoff < LAST_CUTOFF)) throw startInvalid(series, 'the series must end before the year 10000');
  const target = newestPoints(series, start, freq, timeZone);
  const season = series.season ?? inferSeason(target, freq.seasonCandidates());
  return { itemId: series.itemId, channel, freq, timeZone, season, cutoff, target };
}

function parseFreq({ itemId, freq: text }: InlineSeries): Frequency {
  const freq = Frequency.parse(text);
  if (freq) return freq;
  const remedy = 'write an ISO-8601 duration of one kind such as PT15M, PT1H, P1D or P1M';
  throw new PlatformError('FREQ_INVALID', `series ${itemId}: freq "${text}" is not usable; ${remedy}`, { itemId });
}

function checkTimeZone({ itemId, timeZone = 'UTC' }: InlineSeries): string {
  if (isTimeZone(timeZone)) return timeZone;
  const remedy = 'use an IANA name such as Europe/Berlin';
  throw new PlatformError('TIME_ZONE_INVALID', `series ${itemId}: there is no zone "${timeZone}"; ${remedy}`, {
    itemId,
  });
}

function parseStart(series: InlineSeries): number {
  const start = parseInstant(series.start);
  if (start !== undefined) return start;
  throw startInvalid(series, 'write an ISO-8601 time with an offset such as 2026-01-01T00:00:00Z');
}

function startInvalid({ itemId, start }: InlineSeries, remedy: string): PlatformError {
  return new PlatformError('TS_INVALID', `series ${itemId}: start "${start}" is not usable; ${remedy}`, { itemId });
}

/** The last entries of the target, beginning with an observed one; NaN for gaps. */
function newestPoints(series: InlineSeries, start: number, freq: Frequency, timeZone: string): Float64Array {
  const { itemId, target } = series;
  if (target.length > MAX_INLINE_POINTS) {
    const message = `series ${itemId} has ${target.length} points; send the newest ${MAX_INLINE_POINTS} at most`;
    throw new PlatformError('PAYLOAD_TOO_LARGE', message, { itemId });
  }
  const bad = target.findIndex((value) => value !== null && !Number.isFinite(value));
  if (bad >= 0) {
    const ts = new Date(freq.addTo(start, bad, timeZone)).toISOString();
    const message = `series ${itemId}: target[${bad}] at ${ts} is not a finite number; write null for a gap`;
    throw new PlatformError('VALUE_NOT_FINITE', message, { itemId, ts });
  }
  const newest = Float64Array.from(target.slice(-CONTEXT_LENGTH), (value) => value ?? Number.NaN);
  const first = newest.findIndex((value) => !Number.isNaN(value));
  if (first >= 0) return newest.subarray(first).slice();
  const message = `series ${itemId} has no value among its last ${CONTEXT_LENGTH} points; at least one is needed`;
  throw new PlatformError('NO_OBSERVATIONS', message, { itemId });
}
