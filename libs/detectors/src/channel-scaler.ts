import type { StateReader, StateWriter, Stateful } from './state.js';

/** Weight of a new value once 1/n has fallen below it: a memory of about 10,000 points. */
const RATE = 0.0001;
/** No value is farther than this many deviations from its mean: one channel cannot drown the others. */
const FARTHEST = 30;

/**
 * Puts channels of any unit on one scale: distance from the slow mean in slow deviations, of what came before. A missing
 * value is at the mean. A channel that never moved has no deviation: when it first moves it is `FARTHEST` away.
 */
export class ChannelScaler implements Stateful {
  private readonly mean: Float64Array;
  private readonly variance: Float64Array;
  private readonly count: Float64Array;

  constructor(private readonly channels: number) {
    this.mean = new Float64Array(channels);
    this.variance = new Float64Array(channels);
    this.count = new Float64Array(channels);
  }

  /** Writes the scaled row to `into`, in [−30, 30]; then the row is learnt. */
  update(values: Float64Array, into: Float64Array): void {
    for (let i = 0; i < this.channels; i++) {
      const value = values[i]!;
      if (Number.isNaN(value)) into[i] = 0;
      else {
        into[i] = this.scaled(value, i);
        this.learn(value, i);
      }
    }
  }

  private scaled(value: number, i: number): number {
    const distance = value - this.mean[i]!;
    if (this.count[i]! < 2 || distance === 0) return 0;
    const deviation = Math.max(Math.sqrt(this.variance[i]!), 1e-13 * Math.abs(this.mean[i]!), 1e-300);
    return Math.max(-FARTHEST, Math.min(FARTHEST, distance / deviation));
  }

  private learn(value: number, i: number): void {
    this.count[i]!++;
    const rate = Math.max(1 / this.count[i]!, RATE);
    const distance = value - this.mean[i]!;
    this.mean[i]! += rate * distance;
    this.variance[i] = (1 - rate) * (this.variance[i]! + rate * distance * distance);
  }

  save(to: StateWriter): void {
    to.array(this.mean);
    to.array(this.variance);
    to.array(this.count);
  }

  load(from: StateReader): void {
    from.array(this.mean);
    from.array(this.variance);
    from.array(this.count);
  }
}
