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
 * reservoir with forgetting). For windows it is told twice: over the last `tail` values, and over all of them.
 */
export class Neighbours implements Stateful {
  private readonly points: Float64Array;
  private readonly nearestTail: Float64Array;
  private readonly nearestAll: Float64Array;
  private readonly random: Random;
  private size = 0;
  private seen = 0;

  /** @param tail how many of the last values the first distance is over; `width` for all. */
  constructor(
    private readonly options: NeighboursOptions,
    private readonly tail: number = options.width,
  ) {
    this.points = new Float64Array(options.width * options.capacity);
    this.nearestTail = new Float64Array(options.rank);
    this.nearestAll = new Float64Array(options.rank);
    this.random = new Random(options.seed);
  }

  /** The distances of a point to its k-th neighbour among those before it; then the sample may take it in. */
  update(point: Float64Array): { tail: number; all: number } {
    const { rank } = this.options;
    this.search(point);
    const enough = this.size >= rank;
    const result = {
      tail: enough ? Math.sqrt(this.nearestTail[rank - 1]!) : 0,
      all: enough ? Math.sqrt(this.nearestAll[rank - 1]!) : 0,
    };
    this.sample(point);
    return result;
  }

  private search(point: Float64Array): void {
    const { points, nearestTail, nearestAll, tail } = this;
    const { width, rank } = this.options;
    const last = rank - 1;
    nearestTail.fill(Number.POSITIVE_INFINITY);
    nearestAll.fill(Number.POSITIVE_INFINITY);
    for (let start = 0, n = this.size * width; start < n; start += width) {
      let square = 0;
      for (let i = width - tail; i < width; i++) {
        const difference = points[start + i]! - point[i]!;
        square += difference * difference;
      }
      if (square < nearestTail[last]!) insert(nearestTail, square);
      // The distance over all values is at least the one over the last: most points end here.
      if (square >= nearestAll[last]!) continue;
      for (let i = 0; i < width - tail; i++) {
        const difference = points[start + i]! - point[i]!;
        square += difference * difference;
      }
      if (square < nearestAll[last]!) insert(nearestAll, square);
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
