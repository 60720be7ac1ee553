import type { StateReader, StateWriter, Stateful } from './state.js';

export interface AlertBudgetOptions {
  /** k: in no span of `periodMs` are there more alerts. */
  readonly alerts: number;
  /** A week by default. */
  readonly periodMs?: number;
}

const WEEK_MS = 7 * 86_400_000;
/** Periods that the bar looks back on: an alert must be among their 4·k strongest scores. */
const PERIODS = 4;
/** Scores kept for each that counts: when one becomes too old the next strongest is known. */
const SPARE = 4;
/** A label "this was nothing" multiplies the bar by e, "this was one" divides it by less; both wear off. */
const FALSE_ALARM = 1;
const TRUE_ALARM = -0.25;

/**
 * "At most k alerts a week over these items" instead of a threshold set by hand. Scores of all items of a selector pass
 * through one budget: a bar, so that it goes to the strongest (the k-th largest score a week, over four weeks), and a
 * hard limit, so that it holds from the first day on and in a storm. Never an alert at a score of 1 or less.
 *
 * It keeps the 16·k strongest scores of four periods and the times of the last k alerts; where more come, the weakest
 * score and the oldest time are forgotten.
 */
export class AlertBudget implements Stateful {
  private readonly periodMs: number;
  /** Times of the last k alerts, in a ring. */
  private readonly recent: Float64Array;
  private next = 0;
  /** The strongest scores, descending, and their times; unused places are 0. */
  private readonly scores: Float64Array;
  private readonly times: Float64Array;
  /** log of what labels have made of the bar; halves in a period. */
  private strictness = 0;
  private newest = Number.NEGATIVE_INFINITY;

  constructor({ alerts, periodMs = WEEK_MS }: AlertBudgetOptions) {
    if (!Number.isInteger(alerts) || alerts < 1) throw new RangeError(`${alerts} alerts: must be 1 or more`);
    if (!(periodMs > 0)) throw new RangeError(`a period of ${periodMs} ms: must be above 0`);
    this.periodMs = periodMs;
    this.recent = new Float64Array(alerts).fill(Number.NEGATIVE_INFINITY);
    this.scores = new Float64Array(SPARE * PERIODS * alerts);
    this.times = new Float64Array(SPARE * PERIODS * alerts);
  }

  /** The score that an alert must be above at present; 1 or more. */
  get bar(): number {
    return Math.max(1, this.scores[PERIODS * this.recent.length - 1]! * Math.exp(this.strictness));
  }

  /** Whether a score at this time is an alert. Times that go backwards count as the newest one. */
  admit(ts: number, score: number): boolean {
    this.pass(ts);
    if (!(score > 1)) return false;
    const strong = score > Math.max(this.bar, Math.exp(this.strictness));
    this.remember(score);
    // The oldest of the last k alerts: a period ago at least, or the limit is reached.
    if (!strong || this.newest - this.recent[this.next]! < this.periodMs) return false;
    this.recent[this.next] = this.newest;
    this.next = (this.next + 1) % this.recent.length;
    return true;
  }

  /** What a person said of an alert: a false alarm makes the budget stricter at once, a true one a little looser. */
  label(wasAnomaly: boolean): void {
    this.strictness += wasAnomaly ? TRUE_ALARM : FALSE_ALARM;
  }

  /** Time makes labels and old scores wear off. */
  private pass(ts: number): void {
    if (!(ts > this.newest)) return;
    if (Number.isFinite(this.newest)) this.strictness *= 0.5 ** ((ts - this.newest) / this.periodMs);
    this.newest = ts;
    const { scores, times } = this;
    let kept = 0;
    for (let i = 0; i < scores.length && scores[i]! > 0; i++) {
      if (ts - times[i]! >= PERIODS * this.periodMs) continue;
      scores[kept] = scores[i]!;
      times[kept++] = times[i]!;
    }
    scores.fill(0, kept);
  }

  private remember(score: number): void {
    const { scores, times } = this;
    let place = scores.length - 1;
    if (score <= scores[place]!) return;
    while (place > 0 && scores[place - 1]! < score) {
      scores[place] = scores[place - 1]!;
      times[place] = times[--place]!;
    }
    scores[place] = score;
    times[place] = this.newest;
  }

  save(to: StateWriter): void {
    for (const part of [this.recent, this.scores, this.times]) to.array(part);
    for (const number of [this.next, this.strictness, this.newest]) to.number(number);
  }

  load(from: StateReader): void {
    for (const part of [this.recent, this.scores, this.times]) from.array(part);
    this.next = from.number();
    this.strictness = from.number();
    this.newest = from.number();
  }
}
