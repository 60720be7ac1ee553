import { PlatformError } from '@app/observability';
import { Frequency, isTimeZone } from '@app/series';
import type { SeriesPatch } from './series.schema.js';

/** Columns of `series` that a patch sets, and to what. */
export interface CheckedPatch {
  readonly freq?: string | null;
  readonly freq_declared?: boolean;
  readonly season?: number | null;
  readonly season_declared?: boolean;
  readonly time_zone?: string;
  readonly unit?: string | null;
  readonly labels?: Readonly<Record<string, string | null>>;
}

/** What a patch means for the columns. @throws PlatformError FREQ_INVALID or TIME_ZONE_INVALID. */
export function checkPatch({ freq, season, time_zone, ...rest }: SeriesPatch, itemId: string): CheckedPatch {
  return {
    ...rest,
    ...(freq === undefined
      ? {}
      : { freq: freq === null ? null : canonical(freq, itemId), freq_declared: freq !== null }),
    ...(season === undefined ? {} : { season, season_declared: season !== null }),
    ...(time_zone === undefined ? {} : { time_zone: checkTimeZone(time_zone, itemId) }),
  };
}

function canonical(text: string, itemId: string): string {
  const freq = Frequency.parse(text);
  if (freq) return freq.toString();
  const remedy = 'write an ISO-8601 duration of one kind such as PT15M, PT1H, P1D or P1M, at most ten years';
  throw new PlatformError('FREQ_INVALID', `freq "${text}" is not usable; ${remedy}`, { itemId });
}

function checkTimeZone(zone: string, itemId: string): string {
  // A bare offset such as +03:00 means its opposite to PostgreSQL, and knows no daylight saving time.
  if (/^[A-Za-z]/.test(zone) && isTimeZone(zone)) return zone;
  const message = `there is no zone "${zone}"; use an IANA name such as Europe/Berlin`;
  throw new PlatformError('TIME_ZONE_INVALID', message, { itemId });
}
