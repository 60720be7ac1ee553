import { Random } from './random.js';
import type { StateReader, StateWriter, Stateful } from './state.js';

/** Codes an octave: values less than 2.3 % apart may share a code. */
const PER_OCTAVE = 31;
/** log2 of the smallest subnormal number. */
const LOWEST_OCTAVE = -1074;

/**
 * Turns a non-negative score of any scale into its surprise −log10 p, with p its rank among past scores:
 * (#{≥ x} + 1) / (m + 1), the conformal p-value (Laxhammar & Falkman 2010). One score costs O(log capacity) and one
 * move of memory.
 *
 * Scores are kept as 16-bit codes of their logarithm, over the whole range of float64, so that 6,400 of them need
 * 13 kB. When full, a random one makes room: the memory fades exponentially, and needs no record of who is oldest.
 */
export class Tail implements Stateful {
  private readonly sorted: Uint16Array;
  private readonly random: Random;
  private size = 0;

  constructor(
    readonly capacity: number,
    seed: number,
  ) {
    this.sorted = new Uint16Array(capacity);
    this.random = new Random(seed);
  }

  /** The surprise of a score among those before it; then it is one of them. At most log10(capacity + 1). */
  surprise(score: number): number {
    const code = encode(score);
    const below = this.firstAtLeast(code);
    const surprise = Math.log10((this.size + 1) / (this.size - below + 1));
    this.insert(code, below);
    return surprise;
  }

  private insert(code: number, below: number): void {
    const { sorted } = this;
    let place = below;
    if (this.size === this.capacity) {
      const forgotten = this.random.below(this.size);
      sorted.copyWithin(forgotten, forgotten + 1, this.size);
      this.size--;
      if (forgotten < below) place--;
    }
    sorted.copyWithin(place + 1, place, this.size);
    sorted[place] = code;
    this.size++;
  }

  /** How many codes are smaller. */
  private firstAtLeast(code: number): number {
    let low = 0;
    let high = this.size;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.sorted[middle]! < code) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  save(to: StateWriter): void {
    to.number(this.size);
    to.array(this.sorted);
    this.random.save(to);
  }

  load(from: StateReader): void {
    this.size = from.number();
    from.array(this.sorted);
    this.random.load(from);
  }
}

/** A monotone code in 0 … 65,035; zero, negative and undefined scores are 0, and what overflowed is the highest. */
function encode(score: number): number {
  if (!(score > 0)) return 0;
  return 1 + Math.floor((Math.log2(Math.min(score, Number.MAX_VALUE)) - LOWEST_OCTAVE) * PER_OCTAVE);
}
