import { PlatformError, messageOf } from '@app/observability';
import { isTimeZone } from '@app/series';
import { CronTime } from 'cron';
import { DateTime } from 'luxon';

const SECOND = 1_000;
const HOUR = 3_600_000;

/**
 * The first slot of a schedule after `after`. Slots follow the wall clock of the zone: one that a change to daylight
 * saving time skips runs at the change, one that comes twice a year runs once, an hourly one runs every hour.
 *
 * @param cron five fields, or six with seconds first; names of months and days are allowed.
 * @throws PlatformError CRON_INVALID, TIME_ZONE_INVALID, naming what is wrong.
 */
export function nextSlot(cron: string, timeZone: string, after: Date): Date {
  return slotsOf(cron, timeZone)(after);
}

/**
 * The newest slot up to `now`: of runs that were missed only this one is caught up.
 *
 * @param due a slot that is not after `now`.
 */
export function newestSlot(cron: string, timeZone: string, due: Date, now: Date): Date {
  const next = slotsOf(cron, timeZone);
  let slot = due;
  // A schedule can only be walked forwards; beginning ever farther back, months of missed seconds take a few steps.
  for (let back = 60_000; now.getTime() - back > due.getTime(); back *= 2) {
    const candidate = next(new Date(now.getTime() - back));
    if (candidate <= now) {
      slot = candidate;
      break;
    }
  }
  for (let later = next(slot); later <= now; later = next(slot)) slot = later;
  return slot;
}

function slotsOf(cron: string, timeZone: string): (after: Date) => Date {
  if (!isTimeZone(timeZone)) {
    const message = `there is no time zone "${timeZone}"; use an IANA name such as Europe/Berlin`;
    throw new PlatformError('TIME_ZONE_INVALID', message, { timeZone });
  }
  const fields = cron.trim().split(/\s+/).length;
  if (fields !== 5 && fields !== 6) throw cronInvalid(cron, `it has ${fields} fields`);
  const time = attempt(cron, () => new CronTime(cron.trim(), timeZone));
  const next = (after: Date, zone: string) => attempt(cron, () => time.getNextDateFrom(after, zone).toJSDate());
  return (after) => {
    const slot = next(after, timeZone);
    const wall = DateTime.fromJSDate(slot, { zone: timeZone }).setZone('UTC', { keepLocalTime: true }).toMillis();
    if (next(new Date(wall - SECOND), 'UTC').getTime() === wall) return slot;
    // Moved to the change, as its time does not exist on this day: a daily run needs that, an hourly one follows anyway.
    const following = next(slot, timeZone);
    return following.getTime() - slot.getTime() < HOUR ? following : slot;
  };
}

function attempt<T>(cron: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const [reason] = messageOf(error).split('\n');
    throw cronInvalid(cron, reason!);
  }
}

function cronInvalid(cron: string, reason: string): PlatformError {
  const remedy = 'write five fields such as "0 6 * * *", or six with seconds first';
  return new PlatformError('CRON_INVALID', `the schedule "${cron}" can't be kept: ${reason}; ${remedy}`, { cron });
}
