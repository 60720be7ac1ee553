import type { StateReader, StateWriter, Stateful } from './state.js';

const { abs, max } = Math;

/**
 * Average absolute relative error over a look-back (RoLA, eq. 1): (1/b) Σ |v − v̂| / max(|v|, floor).
 *
 * @param floor keeps values near zero from dividing by nothing; below it errors are absolute.
 */
export function averageAbsoluteRelativeError(values: Float64Array, predicted: Float64Array, floor: number): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) {
    sum += abs(values[i]! - predicted[i]!) / max(abs(values[i]!), floor);
  }
  return sum / values.length;
}

/** What rounding moves a threshold by: without it a series that repeats itself exactly would fire on its last bit. */
const RELATIVE_MARGIN = 1e-9;
const ABSOLUTE_MARGIN = 1e-12;

/**
 * The threshold μ + 3σ (population σ) of the last `window` AARE values (RePAD2, eq. 3). Computed afresh for each point:
 * running sums of squares drift, and keep the rounding of a huge value after it has left.
 */
export class AareThreshold implements Stateful {
  private readonly values: Float64Array;
  private size = 0;
  private next = 0;

  constructor(window: number) {
    this.values = new Float64Array(window);
  }

  /** When full, the oldest value is forgotten. */
  push(aare: number): void {
    this.values[this.next] = aare;
    this.next = (this.next + 1) % this.values.length;
    this.size = Math.min(this.size + 1, this.values.length);
  }

  /** The last value becomes another one: the re-check of the paper judges the point once more, not a second point. */
  replaceLast(aare: number): void {
    this.values[(this.next + this.values.length - 1) % this.values.length] = aare;
  }

  threshold(): number {
    const { values, size } = this;
    let sum = 0;
    for (let i = 0; i < size; i++) sum += values[i]!;
    const mean = sum / size;
    let squares = 0;
    for (let i = 0; i < size; i++) squares += (values[i]! - mean) * (values[i]! - mean);
    const threshold = mean + 3 * Math.sqrt(squares / size);
    return threshold * (1 + RELATIVE_MARGIN) + ABSOLUTE_MARGIN;
  }

  save(to: StateWriter): void {
    to.array(this.values);
    to.number(this.size);
    to.number(this.next);
  }

  load(from: StateReader): void {
    from.array(this.values);
    this.size = from.number();
    this.next = from.number();
  }
}
