import { DateTime, IANAZone } from 'luxon';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** Mean Gregorian month, for approximate lengths only. */
const MONTH = 30.436875 * DAY;

/** The longest spacing that a client may declare, ten years: a long horizon of longer steps would leave the calendar. */
const LONGEST_FREQ_MS = 3_653 * DAY;

/** Steps that people choose; an inferred spacing within the jitter of one of these is taken as it. */
const USUAL_STEPS = [
  ...[1, 2, 5, 10, 15, 20, 30].map((n) => n * SECOND),
  ...[1, 2, 3, 5, 6, 10, 12, 15, 20, 30].map((n) => n * MINUTE),
  ...[1, 2, 3, 4, 6, 8, 12].map((n) => n * HOUR),
];
const JITTER = 0.05;

const ISO_DURATION =
  /^P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d{1,3})?)S)?)?$/;

/**
 * The spacing of a regular series: a fixed time (`PT30M`), a number of days (`P1D`) or of months (`P3M`). Days and
 * months are counted on the wall clock of a zone, so that a daily series keeps its hour over a change of daylight
 * saving time.
 */
export class Frequency {
  private constructor(
    private readonly kind: 'time' | 'days' | 'months',
    /** Milliseconds, days or months. */
    private readonly size: number,
  ) {}

  /**
   * Parses an ISO-8601 duration of one kind: time (`PT15M`), days or weeks (`P1D`, `P1W`), months or years (`P1M`, `P1Y`).
   * Gives undefined for anything else: zero, more than ten years, mixtures such as `P1DT6H`, or text that is no duration.
   */
  static parse(text: string): Frequency | undefined {
    const match = ISO_DURATION.exec(text);
    if (!match || text.endsWith('T')) return undefined;

    const [years, months, weeks, days, hours, minutes, seconds] = match.slice(1).map((part) => Number(part ?? 0)) as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    const sizes = {
      time: Math.round(hours * HOUR + minutes * MINUTE + seconds * SECOND),
      days: weeks * 7 + days,
      months: years * 12 + months,
    };
    const given = (['time', 'days', 'months'] as const).filter((kind) => sizes[kind] > 0);
    const [kind] = given;
    if (kind === undefined || given.length > 1 || !Number.isSafeInteger(sizes[kind])) return undefined;
    // PT24H is the same step as P1D for a fixed offset, but not on a wall clock: kept as written.
    const freq = new Frequency(kind, sizes[kind]);
    return freq.approxMs <= LONGEST_FREQ_MS ? freq : undefined;
  }

  /**
   * The spacing that most neighbouring points have, or undefined with fewer than two distinct times.
   *
   * @param timestamps milliseconds, ascending; repeated times are ignored.
   */
  static infer(timestamps: ArrayLike<number>): Frequency | undefined {
    const votes = new Map<string, { freq: Frequency; count: number }>();
    for (let i = 1; i < timestamps.length; i++) {
      const gap = timestamps[i]! - timestamps[i - 1]!;
      if (gap <= 0 || gap > LONGEST_FREQ_MS) continue;
      const freq = Frequency.ofGap(gap);
      const vote = votes.get(freq.toString()) ?? { freq, count: 0 };
      vote.count++;
      votes.set(freq.toString(), vote);
    }
    // Of equally frequent spacings the shorter one wins: gaps make spacings longer, never shorter.
    const [winner] = [...votes.values()].sort((a, b) => b.count - a.count || a.freq.approxMs - b.freq.approxMs);
    return winner?.freq;
  }

  private static ofGap(gap: number): Frequency {
    const days = gap / DAY;
    if (Math.abs(days - 1) <= 1 / 24) return new Frequency('days', 1);
    if (Math.abs(days - 7) <= 1 / 24) return new Frequency('days', 7);
    if (days >= 27.9 && days <= 31.1) return new Frequency('months', 1);
    if (days >= 88.9 && days <= 92.1) return new Frequency('months', 3);
    if (days >= 364.9 && days <= 366.1) return new Frequency('months', 12);
    if (days > 1.5) return new Frequency('days', Math.max(1, Math.round(days)));

    const usual = USUAL_STEPS.find((step) => Math.abs(gap - step) <= JITTER * step);
    if (usual !== undefined) return new Frequency('time', usual);
    return new Frequency('time', gap >= SECOND ? Math.round(gap / SECOND) * SECOND : gap);
  }

  /** Length of one step in milliseconds; exact for times, the mean for days and months. */
  get approxMs(): number {
    return { time: 1, days: DAY, months: MONTH }[this.kind] * this.size;
  }

  /** The time `steps` later (earlier when negative) than `ts`. Month ends clamp: 31 January + 1 month is 28 February. */
  addTo(ts: number, steps: number, zone = 'UTC'): number {
    const amount = steps * this.size;
    if (this.kind === 'time') return ts + amount;
    if (this.kind === 'days' && zone === 'UTC') return ts + amount * DAY;
    return DateTime.fromMillis(ts, { zone })
      .plus({ [this.kind]: amount })
      .toMillis();
  }

  /** How many whole steps lie between `anchor` and the slot nearest to `ts`; negative before the anchor. */
  stepsBetween(anchor: number, ts: number, zone = 'UTC'): number {
    if (this.kind === 'time') return Math.round((ts - anchor) / this.size);

    const from = wallClock(anchor, zone);
    const to = wallClock(ts, zone);
    if (this.kind === 'days') return Math.round((to - from) / (this.size * DAY));
    return Math.round((monthsSinceEpoch(to) - monthsSinceEpoch(from)) / this.size);
  }

  /**
   * The grid point nearest to the newest time. A fixed step keeps the phase that most points have, or falls back to
   * multiples of the step since the epoch where no phase prevails (a jittery sensor); days and months keep the wall
   * clock of the newest point.
   *
   * @param timestamps milliseconds, ascending, not empty.
   */
  anchor(timestamps: ArrayLike<number>): number {
    const newest = timestamps[timestamps.length - 1]!;
    if (this.kind !== 'time') return newest;

    const phases = new Map<number, number>();
    for (let i = 0; i < timestamps.length; i++) {
      const phase = ((timestamps[i]! % this.size) + this.size) % this.size;
      phases.set(phase, (phases.get(phase) ?? 0) + 1);
    }
    const [phase, count] = [...phases].reduce((best, entry) => (entry[1] > best[1] ? entry : best));
    const chosen = count * 2 >= timestamps.length ? phase : 0;
    return Math.round((newest - chosen) / this.size) * this.size + chosen;
  }

  /**
   * Whole numbers of steps in the natural cycles (hour, day, week, year) of this spacing, ascending: `PT1H` gives 24 and
   * 168. Only cycles of 2 to 384 steps count: the longest lag that a context of 512 points can show.
   */
  seasonCandidates(): number[] {
    const cycles =
      this.kind === 'months'
        ? [12 / this.size]
        : [HOUR, DAY, 7 * DAY, 365.25 * DAY].map((cycle) => cycle / this.approxMs);
    return (
      cycles
        .map((steps) => ({ steps, whole: Math.round(steps) }))
        // A year has no whole number of days or weeks: 365 and 52 are what the field uses.
        .filter(({ steps, whole }) => Math.abs(steps - whole) <= (this.kind === 'days' ? 0.26 : 1e-9))
        .map(({ whole }) => whole)
        .filter((whole) => whole >= 2 && whole <= 384)
    );
  }

  /** The ISO-8601 duration, in its shortest usual form. */
  toString(): string {
    if (this.kind === 'months') return this.size % 12 === 0 ? `P${this.size / 12}Y` : `P${this.size}M`;
    if (this.kind === 'days') return this.size % 7 === 0 ? `P${this.size / 7}W` : `P${this.size}D`;
    if (this.size % HOUR === 0) return `PT${this.size / HOUR}H`;
    if (this.size % MINUTE === 0) return `PT${this.size / MINUTE}M`;
    return `PT${this.size / SECOND}S`;
  }
}

/** Whether `zone` names a zone of the IANA database. */
export function isTimeZone(zone: string): boolean {
  return IANAZone.isValidZone(zone);
}

/** Milliseconds that a clock on the wall of `zone` would show as UTC. */
function wallClock(ts: number, zone: string): number {
  return zone === 'UTC' ? ts : ts + IANAZone.create(zone).offset(ts) * MINUTE;
}

/** Months since 1970 with the day of the month as a fraction, of a wall-clock time. */
function monthsSinceEpoch(wall: number): number {
  const date = new Date(wall);
  return (date.getUTCFullYear() - 1970) * 12 + date.getUTCMonth() + (date.getUTCDate() - 1) / 31;
}
