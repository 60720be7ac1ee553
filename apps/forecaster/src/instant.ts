import { DateTime } from 'luxon';

/**
 * Milliseconds of an ISO-8601 time with an offset, or undefined for any other text: without an offset the same text
 * means another time in every zone.
 */
export function parseInstant(text: string): number | undefined {
  const time = DateTime.fromISO(text, { zone: 'UTC' });
  return time.isValid && /T.*(Z|[+-]\d\d(:?\d\d)?)$/i.test(text) ? time.toMillis() : undefined;
}
