import type { KnownEvent } from '@app/detectors';

import { nextSlot } from '../../forecaster/src/jobs/cron-slots.js';

/** An event that takes place once, from one time up to another, which is not part of it. In ms. */
export function once(name: string, from: number, to: number): KnownEvent {
  return { name, covers: (ts) => ts >= from && ts < to };
}

/**
 * An event that begins at every slot of a schedule and lasts so long: "every Sunday at two o'clock in Berlin, four hours".
 * It begins by the wall clock, and lasts by the clock that no change of time moves.
 *
 * @param cron five fields, or six with seconds first.
 * @throws PlatformError CRON_INVALID or TIME_ZONE_INVALID.
 */
export function recurring(name: string, cron: string, timeZone: string, durationMs: number): KnownEvent {
  // The first slot after `asked` − duration; it stays the first one until `slot` + duration has passed.
  const find = (asked: number) => ({
    asked,
    slot: nextSlot(cron, timeZone, new Date(asked - durationMs)).getTime(),
  });
  let known = find(0);
  return {
    name,
    covers: (ts) => {
      if (ts < known.asked || ts >= known.slot + durationMs) known = find(ts);
      return known.slot <= ts;
    },
  };
}
