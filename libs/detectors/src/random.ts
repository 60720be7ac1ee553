import type { StateReader, StateWriter, Stateful } from './state.js';

/** A small seeded generator (mulberry32): the same seed and snapshot give the same numbers on every machine. */
export class Random implements Stateful {
  private state: number;

  constructor(seed: number) {
    this.state = seed | 0;
  }

  /** Uniform in [0, 1). */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  }

  /** Uniform integer in [0, end). */
  below(end: number): number {
    return Math.floor(this.next() * end);
  }

  save(to: StateWriter): void {
    to.number(this.state);
  }

  load(from: StateReader): void {
    this.state = from.number();
  }
}
