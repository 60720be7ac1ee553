import type { StateReader, StateWriter, Stateful } from './state.js';

/** Weight of a new value in the slow level, once 1/n has fallen below it: a memory of about 500 points. */
const SLOW = 0.002;
/** The same for one hour of the day: a memory of about 100 of its points. */
const HOURLY = 0.01;
const HOURS = 24;
const MS_PER_HOUR = 3_600_000;
/** Points in the mean whose distance from the slow level is the drift. */
const DRIFT_POINTS = 10;

/** How far a value, and the mean of the last ten, lie from the slow mean of what came before. */
export class Level implements Stateful {
  private readonly recent = new Float64Array(DRIFT_POINTS);
  private mean = 0;
  private count = 0;

  /** The distances of the value and of the mean of the last ten; then the level moves. */
  update(value: number): { distance: number; drift: number } {
    if (this.count === 0) this.mean = value;
    this.recent[this.count % DRIFT_POINTS] = value;
    const points = Math.min(this.count + 1, DRIFT_POINTS);
    // Summed afresh: a running sum keeps the rounding of a huge value after that value has left.
    let sum = 0;
    for (let i = 0; i < points; i++) sum += this.recent[i]! / points;

    const distance = Math.abs(value - this.mean);
    const drift = Math.abs(sum - this.mean);
    this.count++;
    this.mean += Math.max(1 / (this.count + 1), SLOW) * (value - this.mean);
    return { distance, drift };
  }

  save(to: StateWriter): void {
    to.array(this.recent);
    to.number(this.mean);
    to.number(this.count);
  }

  load(from: StateReader): void {
    from.array(this.recent);
    this.mean = from.number();
    this.count = from.number();
  }
}

/** How far a value lies from the slow mean of its hour of the day (UTC). The first value of an hour is not far. */
export class HourlyLevel implements Stateful {
  private readonly means = new Float64Array(HOURS);
  private readonly counts = new Float64Array(HOURS);

  update(ts: number, value: number): number {
    const hour = ((Math.floor(ts / MS_PER_HOUR) % HOURS) + HOURS) % HOURS;
    const count = this.counts[hour]! + 1;
    const distance = count === 1 ? 0 : Math.abs(value - this.means[hour]!);
    this.counts[hour] = count;
    this.means[hour]! += Math.max(1 / count, HOURLY) * (value - this.means[hour]!);
    return distance;
  }

  save(to: StateWriter): void {
    to.array(this.means);
    to.array(this.counts);
  }

  load(from: StateReader): void {
    from.array(this.means);
    from.array(this.counts);
  }
}
