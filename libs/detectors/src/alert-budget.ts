import { Clock } from './clock.js';
import { discoveryLevel, type Discovery } from './false-discovery.js';
import type { StateReader, StateWriter, Stateful } from './state.js';

export interface AlertBudgetOptions {
  /** k: in no span of `periodMs` are there more alerts. */
  readonly alerts: number;
  /** A week by default. */
  readonly periodMs?: number;
  /** What each alert earns for the ones after it: of so many more, this share may be false. .1 by default. */
  readonly falseShare?: number;
}

/** Of the layout of a snapshot. */
const VERSION = 1;
const WEEK_MS = 7 * 86_400_000;
/** Periods that a score is ranked in. */
const PERIODS = 4;
/** Parts of a period in which scores are counted. */
const PARTS = 7;
/** Scores kept for each that counts: when one becomes too old the next strongest is known. */
const SPARE = 4;
/** A label "this was nothing" multiplies the bar by e, "this was one" divides it by less; both wear off. */
const FALSE_ALARM = 1;
const TRUE_ALARM = -0.25;

/**
 * "At most k alerts a week over these items" instead of a threshold set by hand. Scores of all items of a selector pass
 * through one budget. Each is a hypothesis of online false-discovery control (`discoveryLevel`): its p-value is its rank
 * among the scores of four weeks, and the levels sum to k a week, and a little more after each alert. So the budget goes to
 * the strongest; a hard limit holds it in a storm. Never an alert at a score of 1 or less.
 *
 * It keeps the 16·k strongest scores of four periods, how many there were, and the last k alerts; where more come, the
 * weakest score and the oldest alert are forgotten, which makes it stricter.
 */
export class AlertBudget implements Stateful {
  private readonly periodMs: number;
  private readonly share: number;
  /** The last k alerts, in a ring: their times, and how many scores had come. */
  private readonly recent: Float64Array;
  private readonly recentSeen: Float64Array;
  private next = 0;
  /** The strongest scores, descending, and their times; unused places are 0. */
  private readonly scores: Float64Array;
  private readonly times: Float64Array;
  /** Scores by part of a period, in a ring of four periods. */
  private readonly counts = new Float64Array(PERIODS * PARTS);
  private readonly clock = new Clock();
  private part = Number.NEGATIVE_INFINITY;
  private seen = 0;
  /** log of what labels have made of the bar; halves in a period. */
  private strictness = 0;
  private first = Number.NaN;
  private newest = Number.NEGATIVE_INFINITY;

  constructor({ alerts, periodMs = WEEK_MS, falseShare = 0.1 }: AlertBudgetOptions) {
    if (!Number.isInteger(alerts) || alerts < 1) throw new RangeError(`${alerts} alerts: must be 1 or more`);
    if (!(periodMs > 0)) throw new RangeError(`a period of ${periodMs} ms: must be above 0`);
    if (!(falseShare >= 0 && falseShare < 1)) throw new RangeError(`a false share of ${falseShare}: must be in [0, 1)`);
    this.periodMs = periodMs;
    this.share = falseShare;
    this.recent = new Float64Array(alerts).fill(Number.NEGATIVE_INFINITY);
    this.recentSeen = new Float64Array(alerts);
    this.scores = new Float64Array(SPARE * PERIODS * alerts);
    this.times = new Float64Array(SPARE * PERIODS * alerts);
  }

  /** The level that the next score is tested at, in (0, 1]. */
  get level(): number {
    const periods = Math.min(PERIODS, (this.newest - this.first) / this.periodMs);
    // Until a period is over its scores so far count as all of it.
    const perPeriod = Math.max(1, this.count() / Math.max(1, Number.isNaN(periods) ? 0 : periods));
    return discoveryLevel(this.recent.length / perPeriod, this.share, this.discoveries());
  }

  /** The score that an alert must reach at present; 1 where any score above 1 does. */
  get bar(): number {
    // p = (#{stronger} + 1) / (count + 1) ≤ level. Equals are equally worthy: they don't count against each other.
    const rank = Math.min(Math.floor(this.level * (this.count() + 1)), this.scores.length);
    const strength = rank > 0 ? this.scores[rank - 1]! : this.scores[0]! * (1 + Number.EPSILON);
    return Math.max(1, strength * Math.exp(this.strictness));
  }

  /**
   * Whether a score at this time is an alert. Times that go backwards count as the newest one, unless they show that the
   * newest was wrong (`Clock`) by more than a period: a time in the far future does not silence the budget for ever.
   */
  admit(ts: number, score: number): boolean {
    this.pass(ts);
    if (!(score > 1)) return false;
    const strong = score >= this.bar && score > Math.exp(this.strictness);
    this.remember(score);
    // The oldest of the last k alerts: a period ago at least, or the limit is reached.
    if (!strong || this.newest - this.recent[this.next]! < this.periodMs) return false;
    this.recent[this.next] = this.newest;
    this.recentSeen[this.next] = this.seen;
    this.next = (this.next + 1) % this.recent.length;
    return true;
  }

  /** What a person said of an alert: a false alarm makes the budget stricter at once, a true one a little looser. */
  label(wasAnomaly: boolean): void {
    this.strictness += wasAnomaly ? TRUE_ALARM : FALSE_ALARM;
  }

  private *discoveries(): Iterable<Discovery> {
    for (let i = 0; i < this.recent.length; i++) {
      const age = this.newest - this.recent[i]!;
      if (!Number.isFinite(age)) continue;
      yield { since: this.seen - this.recentSeen[i]! + 1, memory: Math.exp(-age / this.periodMs) };
    }
  }

  private count(): number {
    return this.counts.reduce((sum, count) => sum + count, 0);
  }

  /** Time makes labels and old scores wear off. */
  private pass(ts: number): void {
    if (!this.clock.accepts(ts)) return;
    if (ts < this.newest) {
      if (this.newest - ts > this.periodMs) this.setBack(ts);
      return;
    }
    if (Number.isFinite(this.newest)) this.strictness *= 0.5 ** ((ts - this.newest) / this.periodMs);
    else this.first = ts;
    this.newest = ts;
    const { scores, times } = this;
    let kept = 0;
    for (let i = 0; i < scores.length && scores[i]! > 0; i++) {
      if (ts - times[i]! >= PERIODS * this.periodMs) continue;
      scores[kept] = scores[i]!;
      times[kept++] = times[i]!;
    }
    scores.fill(0, kept);
    this.forgetCounts();
  }

  /** What lies in a future that there is not counts as now. */
  private setBack(ts: number): void {
    for (const times of [this.recent, this.times]) times.forEach((time, i) => (times[i] = Math.min(time, ts)));
    this.newest = ts;
    this.first = Math.min(this.first, ts);
    this.counts.fill(0);
    this.part = this.partOf(ts);
  }

  private partOf(ts: number): number {
    return Math.floor((ts * PARTS) / this.periodMs);
  }

  /** Empties the parts of the ring that time has come round to. */
  private forgetCounts(): void {
    const { counts } = this;
    const part = this.partOf(this.newest);
    for (let passed = Math.min(part - this.part, counts.length); passed > 0; passed--) {
      counts[place(part - passed + 1, counts.length)] = 0;
    }
    this.part = part;
  }

  private remember(score: number): void {
    const { scores, times } = this;
    this.seen++;
    this.counts[place(this.part, this.counts.length)]!++;
    let at = scores.length - 1;
    if (score <= scores[at]!) return;
    while (at > 0 && scores[at - 1]! < score) {
      scores[at] = scores[at - 1]!;
      times[at] = times[--at]!;
    }
    scores[at] = score;
    times[at] = this.newest;
  }

  save(to: StateWriter): void {
    to.number(VERSION);
    this.clock.save(to);
    for (const part of [this.recent, this.recentSeen, this.scores, this.times, this.counts]) to.array(part);
    for (const number of [this.next, this.part, this.seen, this.strictness, this.first, this.newest]) to.number(number);
  }

  load(from: StateReader): void {
    from.version('an alert budget', VERSION);
    this.clock.load(from);
    for (const part of [this.recent, this.recentSeen, this.scores, this.times, this.counts]) from.array(part);
    this.next = from.number();
    this.part = from.number();
    this.seen = from.number();
    this.strictness = from.number();
    this.first = from.number();
    this.newest = from.number();
  }
}

/** Where a part of any number, negative ones too, lies in a ring. */
function place(part: number, size: number): number {
  return ((part % size) + size) % size;
}
