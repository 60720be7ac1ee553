import type { StateReader, StateWriter, Stateful } from './state.js';

/** Pairs of values without which a coefficient is a coincidence. */
const LEAST_PAIRS = 3;
/** A channel whose deviation is smaller than this share of its mean is constant up to rounding. */
const CONSTANT = 1e-13;

/**
 * The last `capacity` rows of an item's channels, for correlations on demand. NaN where a channel had no value: a
 * coefficient is over the rows in which both channels have one. When full, the oldest row is forgotten.
 */
export class RecentRows implements Stateful {
  private readonly rows: Float64Array;
  private size = 0;
  private next = 0;

  constructor(
    private readonly channels: number,
    private readonly capacity: number,
  ) {
    this.rows = new Float64Array(channels * capacity);
  }

  push(row: Float64Array): void {
    for (let i = 0; i < this.channels; i++) this.rows[i * this.capacity + this.next] = row[i]!;
    this.next = (this.next + 1) % this.capacity;
    this.size = Math.min(this.size + 1, this.capacity);
  }

  /** Pearson's coefficient of two channels in two passes; NaN where one is constant, or fewer than 3 rows have both. */
  correlation(a: number, b: number): number {
    const x = this.rows.subarray(a * this.capacity, a * this.capacity + this.size);
    const y = this.rows.subarray(b * this.capacity, b * this.capacity + this.size);
    return pearson(x, y);
  }

  save(to: StateWriter): void {
    to.array(this.rows);
    to.number(this.size);
    to.number(this.next);
  }

  load(from: StateReader): void {
    from.array(this.rows);
    this.size = from.number();
    this.next = from.number();
  }
}

/** Pearson's correlation coefficient over the places where both have a value, in [−1, 1], or NaN. */
export function pearson(x: Float64Array, y: Float64Array): number {
  let pairs = 0;
  let sumX = 0;
  let sumY = 0;
  for (let i = 0; i < x.length; i++) {
    const a = x[i]!;
    const b = y[i]!;
    // Not equal to itself is NaN; a call in this loop costs as much as the rest of it.
    if (a !== a || b !== b) continue;
    pairs++;
    sumX += a;
    sumY += b;
  }
  if (pairs < LEAST_PAIRS) return Number.NaN;

  const meanX = sumX / pairs;
  const meanY = sumY / pairs;
  let xx = 0;
  let yy = 0;
  let xy = 0;
  for (let i = 0; i < x.length; i++) {
    const dx = x[i]! - meanX;
    const dy = y[i]! - meanY;
    if (dx !== dx || dy !== dy) continue;
    xx += dx * dx;
    yy += dy * dy;
    xy += dx * dy;
  }
  const deviationX = Math.sqrt(xx / pairs);
  const deviationY = Math.sqrt(yy / pairs);
  if (!(deviationX > CONSTANT * Math.abs(meanX)) || !(deviationY > CONSTANT * Math.abs(meanY))) return Number.NaN;
  // Divided one after the other: the product of two huge deviations would overflow.
  return Math.max(-1, Math.min(1, xy / pairs / deviationX / deviationY));
}
