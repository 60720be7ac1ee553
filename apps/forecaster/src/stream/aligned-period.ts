import type { Frequency } from '@app/series';
import { DateTime } from 'luxon';

/**
 * Which period of a length a time lies in; periods begin at multiples of it. Hours and less are counted in UTC, days on the
 * wall clock of the zone from midnight, weeks from Monday, months and years from the first.
 *
 * @param ts epoch milliseconds.
 */
export function alignedPeriod(length: Frequency, ts: number, zone: string): number {
  const anchor = anchorOf(length.toString(), zone);
  const nearest = length.stepsBetween(anchor, ts, zone);
  return length.addTo(anchor, nearest, zone) > ts ? nearest - 1 : nearest;
}

function anchorOf(length: string, zone: string): number {
  if (length.startsWith('PT')) return 0;
  const monday = { year: 1969, month: 12, day: 29 };
  const date = /[DW]$/.test(length) ? monday : { year: 1970, month: 1, day: 1 };
  return DateTime.fromObject(date, { zone }).toMillis();
}
