import type { StateReader, StateWriter, Stateful } from './state.js';

const MS_PER_HOUR = 3_600_000;

/** How far the mean of the last points lies from the slow mean of what came before: what moves too slowly for a window. */
export class Drift implements Stateful {
  private readonly recent: Float64Array;
  private mean = 0;
  private count = 0;

  /**
   * @param points in the recent mean.
   * @param rate weight of a new value in the slow mean, once 1/n has fallen below it.
   */
  constructor(
    points: number,
    private readonly rate: number,
  ) {
    this.recent = new Float64Array(points);
  }

  /** The distance; then the slow mean moves. */
  update(value: number): number {
    if (this.count === 0) this.mean = value;
    this.recent[this.count % this.recent.length] = value;
    const points = Math.min(this.count + 1, this.recent.length);
    // Summed afresh: a running sum keeps the rounding of a huge value after that value has left.
    let recentMean = 0;
    for (let i = 0; i < points; i++) recentMean += this.recent[i]! / points;

    const distance = Math.abs(recentMean - this.mean);
    this.count++;
    this.mean += Math.max(1 / (this.count + 1), this.rate) * (value - this.mean);
    return distance;
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

/** How far a value lies from the slow mean of its hour of the day or week (UTC). The first value of an hour is not far. */
export class HourlyLevel implements Stateful {
  private readonly means: Float64Array;
  private readonly counts: Float64Array;

  /**
   * @param hours after which the hours repeat: 24 for the day, 168 for the week.
   * @param rate weight of a new value in the mean of its hour, once 1/n has fallen below it.
   */
  constructor(
    private readonly hours: number,
    private readonly rate: number,
  ) {
    this.means = new Float64Array(hours);
    this.counts = new Float64Array(hours);
  }

  /** The distance; then the hour's mean moves. @param ts ms. */
  update(ts: number, value: number): number {
    const hour = ((Math.floor(ts / MS_PER_HOUR) % this.hours) + this.hours) % this.hours;
    const count = this.counts[hour]! + 1;
    const distance = count === 1 ? 0 : Math.abs(value - this.means[hour]!);
    this.counts[hour] = count;
    this.means[hour]! += Math.max(1 / count, this.rate) * (value - this.means[hour]!);
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
