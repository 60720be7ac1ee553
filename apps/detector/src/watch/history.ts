import type { StateReader, StateWriter, Stateful } from '@app/detectors';

/** Points kept a channel: what explanations are made of. */
const CAPACITY = 512;
/** Points compared when a look-alike is searched. */
const LOOK_ALIKE = 12;
/** Points that "recent" means. */
const RECENT = 32;
/** A point after more than three times the usual spacing comes after a gap. */
const GAP = 3;
/** So many equal values in a row, and a sensor is stuck. */
const STUCK = 8;
/** Makes a median absolute deviation a standard deviation, for a normal distribution. */
const MAD_TO_DEVIATION = 1.4826;

/** What a value was expected to be by the points before it. */
export interface Recent {
  readonly expected: number;
  readonly lower: number;
  readonly upper: number;
}

/** A past window that looks most like the last points. */
export interface LookAlike {
  /** Time of its last point. */
  readonly ts: number;
  /** Root mean square of the differences, in the unit of the channel. */
  readonly rms: number;
}

/** The last 512 points of a channel, for explanations. When full, the oldest point is forgotten. */
export class History implements Stateful {
  private readonly times = new Float64Array(CAPACITY);
  private readonly values = new Float64Array(CAPACITY);
  private size = 0;
  private next = 0;

  push(ts: number, value: number): void {
    this.times[this.next] = ts;
    this.values[this.next] = value;
    this.next = (this.next + 1) % CAPACITY;
    if (this.size < CAPACITY) this.size++;
  }

  /** Median of up to 32 points before the last one, and three robust deviations around it; undefined without any. */
  recent(): Recent | undefined {
    const count = Math.min(RECENT, this.size - 1);
    if (count < 1) return undefined;
    const values = Array.from({ length: count }, (_, i) => this.value(i + 1));
    const expected = median(values);
    const reach = 3 * MAD_TO_DEVIATION * median(values.map((value) => Math.abs(value - expected)));
    return { expected, lower: expected - reach, upper: expected + reach };
  }

  /** Whether the last point came after a gap. */
  afterGap(): boolean {
    const count = Math.min(RECENT, this.size - 2);
    if (count < 3) return false;
    const spacings = Array.from({ length: count }, (_, i) => this.time(i + 1) - this.time(i + 2));
    return this.time(0) - this.time(1) > GAP * median(spacings);
  }

  /** Whether the points before the last one were all the same. */
  wasStuck(): boolean {
    if (this.size <= STUCK) return false;
    for (let i = 2; i <= STUCK; i++) if (this.value(i) !== this.value(1)) return false;
    return true;
  }

  /** The past window of 12 points that is nearest to the last 12, not overlapping them. */
  lookAlike(): LookAlike | undefined {
    let best: LookAlike | undefined;
    for (let age = LOOK_ALIKE; age + LOOK_ALIKE <= this.size; age++) {
      let squares = 0;
      for (let i = 0; i < LOOK_ALIKE; i++) squares += (this.value(i) - this.value(age + i)) ** 2;
      const rms = Math.sqrt(squares / LOOK_ALIKE);
      if (Number.isFinite(rms) && (!best || rms < best.rms)) best = { ts: this.time(age), rms };
    }
    return best;
  }

  save(to: StateWriter): void {
    to.number(this.size);
    to.number(this.next);
    to.array(this.times);
    to.array(this.values);
  }

  load(from: StateReader): void {
    this.size = from.number();
    this.next = from.number();
    from.array(this.times);
    from.array(this.values);
  }

  /** @param age 0 for the last point. */
  private value(age: number): number {
    return this.values[(this.next - 1 - age + 2 * CAPACITY) % CAPACITY]!;
  }

  private time(age: number): number {
    return this.times[(this.next - 1 - age + 2 * CAPACITY) % CAPACITY]!;
  }
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}
