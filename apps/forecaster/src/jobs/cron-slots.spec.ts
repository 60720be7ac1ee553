import { newestSlot, nextSlot } from './cron-slots.js';

const MINUTE = 60_000;

/** Slots by walking from one to the next. */
function walk(cron: string, zone: string, from: string, to: string): string[] {
  const slots: string[] = [];
  for (let slot = nextSlot(cron, zone, new Date(from)); slot <= new Date(to); slot = nextSlot(cron, zone, slot)) {
    slots.push(slot.toISOString());
  }
  return slots;
}

/** Slots by looking at the clock on the wall every minute, as a person would; the zone tables are the platform's. */
function watch(matches: (minute: number, hour: number) => boolean, zone: string, from: string, to: string): string[] {
  const clock = new Intl.DateTimeFormat('en-GB', { timeZone: zone, hour: '2-digit', minute: '2-digit' });
  const slots: string[] = [];
  for (let ts = Date.parse(from) + MINUTE; ts <= Date.parse(to); ts += MINUTE) {
    const [hour, minute] = clock.format(ts).split(':').map(Number);
    if (matches(minute!, hour!)) slots.push(new Date(ts).toISOString());
  }
  return slots;
}

const CHANGES = [
  ['Europe/Berlin', '2026-03-28T12:00:00Z', '2026-03-30T12:00:00Z'],
  ['Europe/Berlin', '2026-10-24T12:00:00Z', '2026-10-26T12:00:00Z'],
  ['America/New_York', '2026-03-07T12:00:00Z', '2026-03-09T12:00:00Z'],
  ['America/New_York', '2026-10-31T12:00:00Z', '2026-11-02T12:00:00Z'],
  ['America/Santiago', '2026-09-05T12:00:00Z', '2026-09-07T12:00:00Z'],
  ['Asia/Kolkata', '2026-03-28T12:00:00Z', '2026-03-30T12:00:00Z'],
] as const;

describe('nextSlot', () => {
  it.each(CHANGES)('keeps to the clock on the wall of %s from %s', (zone, from, to) => {
    expect(walk('*/15 * * * *', zone, from, to)).toEqual(watch((minute) => minute % 15 === 0, zone, from, to));
    expect(walk('5 * * * *', zone, from, to)).toEqual(watch((minute) => minute === 5, zone, from, to));
    expect(walk('30 6,18 * * *', zone, from, to)).toEqual(
      watch((minute, hour) => minute === 30 && (hour === 6 || hour === 18), zone, from, to),
    );
  });

  it('takes seconds, names and ranges', () => {
    const after = new Date('2026-05-01T12:00:00Z');

    expect(nextSlot('*/20 * * * * *', 'UTC', after)).toEqual(new Date('2026-05-01T12:00:20Z'));
    expect(nextSlot('0 6 * * MON-FRI', 'UTC', after)).toEqual(new Date('2026-05-04T06:00:00Z'));
    expect(nextSlot('0 0 1 JAN *', 'UTC', after)).toEqual(new Date('2027-01-01T00:00:00Z'));
  });

  it('is after the time given, be that a slot or a moment past one', () => {
    const slot = new Date('2026-05-01T12:00:00Z');

    expect(nextSlot('* * * * *', 'UTC', slot)).toEqual(new Date('2026-05-01T12:01:00Z'));
    expect(nextSlot('* * * * *', 'UTC', new Date(slot.getTime() - 1))).toEqual(slot);
    expect(nextSlot('* * * * *', 'UTC', new Date(slot.getTime() + 1))).toEqual(new Date('2026-05-01T12:01:00Z'));
  });
});

describe('newestSlot', () => {
  it.each([
    ['* * * * * *', '2026-04-01T00:00:00Z', '2026-05-01T12:00:00.700Z', '2026-05-01T12:00:00Z'],
    ['0 6 * * *', '2026-04-01T06:00:00Z', '2026-05-01T05:59:59Z', '2026-04-30T06:00:00Z'],
    ['0 6 * * *', '2026-05-01T06:00:00Z', '2026-05-01T06:00:00Z', '2026-05-01T06:00:00Z'],
    ['0 0 1 1 *', '2024-01-01T00:00:00Z', '2026-05-01T00:00:00Z', '2026-01-01T00:00:00Z'],
    ['0 0 29 2 *', '2020-02-29T00:00:00Z', '2026-05-01T00:00:00Z', '2024-02-29T00:00:00Z'],
    ['*/7 * * * *', '2026-04-30T00:00:00Z', '2026-05-01T12:03:00Z', '2026-05-01T12:00:00Z'],
  ])('of %s due since %s is at %s the one of %s', (cron, due, now, expected) => {
    const begin = performance.now();
    expect(newestSlot(cron, 'UTC', new Date(due), new Date(now))).toEqual(new Date(expected));
    // A month of seconds has 2.6 million slots; they are not walked.
    expect(performance.now() - begin).toBeLessThan(500);
  });
});
