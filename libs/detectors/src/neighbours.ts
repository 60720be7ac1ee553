import { Random } from './random.js';
import type { StateReader, StateWriter, Stateful } from './state.js';

export interface NeighboursOptions {
  /** Values a point has. */
  readonly width: number;
  /** Points remembered. */
  readonly capacity: number;
  /** Which neighbour's distance counts: 1 is the nearest. */
  readonly rank: number;
  /** Points after which the sample forgets, on average; it stays uniform before. */
  readonly horizon: number;
  readonly seed: number;
}

/**
 * Distance to the k-th nearest of a random sample of past points (k-NN outlier score, Ramaswamy et al. 2000, over a
 * reservoir with forgetting).
 */
export class Neighbours implements Stateful {
  private readonly points: Float64Array;
  /** Squared distances of the nearest ones, ascending. */
  private readonly nearest: Float64Array;
  private readonly random: Random;
  private size = 0;
  private seen = 0;

  constructor(private readonly options: NeighboursOptions) {
    this.points = new Float64Array(options.width * options.capacity);
    this.nearest = new Float64Array(options.rank);
    this.random = new Random(options.seed);
  }

  /** The distance of a point to its k-th neighbour among those before it; then the sample may take it in. */
  update(point: Float64Array): number {
    const { rank } = this.options;
    this.search(point);
    const distance = this.size >= rank ? Math.sqrt(this.nearest[rank - 1]!) : 0;
    this.sample(point);
    return distance;
  }

  private search(point: Float64Array): void {
    const { points, nearest } = this;
    const { width, rank } = this.options;
    const last = rank - 1;
    const half = width >> 1;
    nearest.fill(Number.POSITIVE_INFINITY);
    for (let start = 0, n = this.size * width; start < n; start += width) {
      let square = 0;
      // The newest values first: the distance over all is at least the one over half of them, and most points end here.
      for (let i = half; i < width; i++) {
        const difference = points[start + i]! - point[i]!;
        square += difference * difference;
      }
      if (square >= nearest[last]!) continue;
      for (let i = 0; i < half; i++) {
        const difference = points[start + i]! - point[i]!;
        square += difference * difference;
      }
      if (square < nearest[last]!) insert(nearest, square);
    }
  }

  /** Reservoir sampling (Vitter's R), with n held at the horizon so that old points fade. */
  private sample(point: Float64Array): void {
    const { width, capacity, horizon } = this.options;
    this.seen++;
    if (this.size < capacity) this.points.set(point, width * this.size++);
    else if (this.random.next() < capacity / Math.min(this.seen, horizon)) {
      this.points.set(point, width * this.random.below(capacity));
    }
  }

  save(to: StateWriter): void {
    to.number(this.size);
    to.number(this.seen);
    to.array(this.points);
    this.random.save(to);
  }

  load(from: StateReader): void {
    this.size = from.number();
    this.seen = from.number();
    from.array(this.points);
    this.random.load(from);
  }
}

/** Puts a value into an ascending list, whose last one falls out. */
function insert(ascending: Float64Array, value: number): void {
  let place = ascending.length - 1;
  while (place > 0 && ascending[place - 1]! > value) {
    ascending[place] = ascending[place - 1]!;
    place--;
  }
  ascending[place] = value;
}
