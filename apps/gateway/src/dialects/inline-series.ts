import { inferSeason } from '@app/series';
import { DateTime } from 'luxon';
import type { InlineSeries } from '../../../forecaster/src/forecast-client.js';
import type { NamedFrequency } from './pandas-frequency.js';

/** A series of a dialect. */
interface Given {
  readonly itemId: string;
  readonly channel: string;
  readonly named: NamedFrequency;
  /** Time of the first value, in milliseconds. */
  readonly start: number;
  /** One value a step; null for a gap. */
  readonly target: readonly (number | null)[];
}

/** The series as it goes into a command, with its season where the frequency's own cycles are not the ones to look for. */
export function inlineSeries({ itemId, channel, named: { freq, seasons }, start, target }: Given): InlineSeries {
  const inline = { itemId, channel, freq: freq.toString(), start: new Date(start).toISOString(), target };
  if (!seasons) return inline;
  const values = Float64Array.from(target, (value) => value ?? Number.NaN);
  return { ...inline, season: inferSeason(values, seasons) };
}

/** A time as clients write it, UTC where it has no offset; undefined for anything else, and outside the years 1 to 9999. */
export function readTime(text: string): DateTime<true> | undefined {
  const options = { zone: 'UTC', setZone: true };
  const iso = DateTime.fromISO(text, options);
  const time = iso.isValid ? iso : DateTime.fromSQL(text, options);
  return time.isValid && time.year > 0 && time.year < 10_000 ? time : undefined;
}

/** An instant in UTC, without fractions of a second where there are none. @param ts milliseconds. */
export function isoSeconds(ts: number): string {
  return DateTime.fromMillis(ts, { zone: 'UTC' }).toISO({ suppressMilliseconds: true })!;
}
