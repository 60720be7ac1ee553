import { DateTime } from 'luxon';

/**
 * An instant as other services write it: without fractions of a second where there are none.
 *
 * @param ts milliseconds. @param zone in whose offset it is written; UTC is `Z`.
 */
export function isoSeconds(ts: number, zone = 'UTC'): string {
  return DateTime.fromMillis(ts, { zone }).toISO({ suppressMilliseconds: true })!;
}
