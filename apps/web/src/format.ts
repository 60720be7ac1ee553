const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const UNITS: Readonly<Record<string, number>> = { Y: 365.25 * DAY, M: 30.4375 * DAY, W: 7 * DAY, D: DAY };
const TIME_UNITS: Readonly<Record<string, number>> = { H: HOUR, M: MINUTE, S: 1_000 };

/** Milliseconds of an ISO-8601 duration, months and years as their means; undefined where it is none. */
export function durationMs(text: string | null | undefined): number | undefined {
  const match = /^P(?:(\d+(?:\.\d+)?)([YMWD]))?(?:T(\d+(?:\.\d+)?)([HMS]))?$/.exec(text ?? '');
  if (!match) return undefined;
  const [, dates, dateUnit = '', times, timeUnit = ''] = match;
  const ms = Number(dates ?? 0) * (UNITS[dateUnit] ?? 0) + Number(times ?? 0) * (TIME_UNITS[timeUnit] ?? 0);
  return ms > 0 ? ms : undefined;
}

const NAMES: readonly (readonly [ms: number, one: string, many: string])[] = [
  [365.25 * DAY, 'year', 'years'],
  [30.4375 * DAY, 'month', 'months'],
  [DAY, 'day', 'days'],
  [HOUR, 'hour', 'hours'],
  [MINUTE, 'minute', 'minutes'],
  [1_000, 'second', 'seconds'],
];

/** Such as `3 hours`; the largest unit that fits. */
export function lengthText(ms: number): string {
  for (const [unit, one, many] of NAMES) {
    const count = Math.floor(Math.abs(ms) / unit + 0.01);
    if (count >= 1) return `${count} ${count === 1 ? one : many}`;
  }
  return `${Math.round(Math.abs(ms))} ms`;
}

/** Such as `3 hours ago`, or `in 2 minutes`. */
export function ageText(ts: number, now: number): string {
  const ms = now - ts;
  if (Math.abs(ms) < 1_000) return 'now';
  return ms > 0 ? `${lengthText(ms)} ago` : `in ${lengthText(ms)}`;
}

export type Freshness = 'fresh' | 'late' | 'silent' | 'unknown';

/** How a series keeps its pace: late from three spacings without a point on, silent from twenty. */
export function freshness(lastTs: string | null, freq: string | null, now: number): Freshness {
  const step = durationMs(freq);
  if (lastTs === null || step === undefined) return 'unknown';
  const steps = (now - Date.parse(lastTs)) / step;
  return steps <= 3 ? 'fresh' : steps <= 20 ? 'late' : 'silent';
}

/** Four digits that matter, as people of this browser write them. */
export function numberText(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e7 || size < 1e-3)) return value.toExponential(2);
  return value.toLocaleString(undefined, {
    maximumSignificantDigits: size >= 1_000 ? Math.ceil(Math.log10(size + 1)) : 4,
  });
}

/** 0.803 is `80.3 %`. */
export function percentText(share: number | null | undefined): string {
  return share === null || share === undefined ? '–' : `${(share * 100).toFixed(1)} %`;
}

/** A time in the zone of the browser, to the minute. */
export function timeText(ts: string | number): string {
  const time = new Date(ts);
  return Number.isNaN(time.getTime())
    ? '–'
    : time.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });
}

/** 12345678 is `11.8 MiB`. */
export function bytesText(bytes: number): string {
  if (bytes < 1_024) return `${bytes} B`;
  if (bytes < 1_048_576) return `${(bytes / 1_024).toFixed(1)} KiB`;
  return `${(bytes / 1_048_576).toFixed(1)} MiB`;
}
