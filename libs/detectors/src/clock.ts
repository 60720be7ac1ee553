import type { StateReader, StateWriter, Stateful } from './state.js';

/** So many points in a row, each after the one before, make a clock that was set back the new clock. */
export const NEW_CLOCK_AFTER = 16;

/**
 * Tells points in order from late and repeated ones. A clock that was set back does not silence a detector for ever:
 * after 16 points that are late but in order among themselves, their time is the time.
 */
export class Clock implements Stateful {
  private newest = Number.NEGATIVE_INFINITY;
  private newestLate = Number.NEGATIVE_INFINITY;
  private lateInOrder = 0;

  /** Whether `ts` comes after all points that were taken; a time that is no number never does. */
  accepts(ts: number): boolean {
    if (!Number.isFinite(ts)) return false;
    if (ts > this.newest) {
      this.newest = ts;
      this.lateInOrder = 0;
      this.newestLate = Number.NEGATIVE_INFINITY;
      return true;
    }

    this.lateInOrder = ts > this.newestLate ? this.lateInOrder + 1 : 1;
    this.newestLate = ts;
    if (this.lateInOrder < NEW_CLOCK_AFTER) return false;
    this.newest = ts;
    this.lateInOrder = 0;
    return true;
  }

  save(to: StateWriter): void {
    to.number(this.newest);
    to.number(this.newestLate);
    to.number(this.lateInOrder);
  }

  load(from: StateReader): void {
    this.newest = from.number();
    this.newestLate = from.number();
    this.lateInOrder = from.number();
  }
}
