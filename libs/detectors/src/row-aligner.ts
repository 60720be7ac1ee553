import { NEW_CLOCK_AFTER } from './clock.js';
import type { StateReader, StateWriter, Stateful } from './state.js';

/** Of the layout of a snapshot. */
const VERSION = 1;

/** A row that is complete, or waited for no longer: a value a channel, NaN where none came. */
export interface AlignedRow {
  readonly ts: number;
  readonly values: Float64Array;
}

export interface RowAlignerOptions {
  readonly channels: number;
  /** Times are moved back to a multiple of this. */
  readonly stepMs: number;
  /** Rows that wait for channels that are late. When one more begins, the oldest leaves as it is. */
  readonly waiting: number;
  /** Steps that a slow channel's last value stands for the missing ones; 0 leaves them missing. */
  readonly fillSteps: number;
}

/**
 * Puts the values of channels that arrive at different rates, or late, into rows of one grid. A row leaves when all
 * channels have a value, or when more than `waiting` rows wait; a value for a row that has left is dropped. When many in
 * order are dropped and no row leaves, the clock was set back: what waits leaves, and their time is the time.
 */
export class RowAligner implements Stateful {
  private readonly rows: AlignedRow[] = [];
  private readonly last: { ts: number; value: number }[];
  private left = Number.NEGATIVE_INFINITY;
  private dropped = Number.NaN;
  private droppedInOrder = 0;

  constructor(private readonly options: RowAlignerOptions) {
    this.last = Array.from({ length: options.channels }, () => NEVER);
  }

  /** Takes in one value; returns the rows that leave, oldest first. The last of two values for a place counts. */
  offer(ts: number, channel: number, value: number): AlignedRow[] {
    const { channels, stepMs, waiting } = this.options;
    if (channel < 0 || channel >= channels) throw new RangeError(`channel ${channel} of ${channels}`);
    const at = Math.floor(ts / stepMs) * stepMs;
    if (!Number.isFinite(at)) return [];
    const leaving: AlignedRow[] = [];
    if (at <= this.left) {
      if (!this.isSetBack(at)) return [];
      leaving.push(...this.flush());
      this.left = Number.NEGATIVE_INFINITY;
      for (let i = 0; i < channels; i++) this.last[i] = NEVER;
    }

    const place = this.rows.findIndex((row) => row.ts >= at);
    const found = place >= 0 && this.rows[place]!.ts === at;
    const row = found ? this.rows[place]! : { ts: at, values: new Float64Array(channels).fill(Number.NaN) };
    if (!found) this.rows.splice(place < 0 ? this.rows.length : place, 0, row);
    row.values[channel] = value;
    while (this.rows.length > waiting || (this.rows.length > 0 && !this.rows[0]!.values.some(Number.isNaN))) {
      leaving.push(this.release());
    }
    return leaving;
  }

  /** All rows that still wait, oldest first. */
  flush(): AlignedRow[] {
    const rows: AlignedRow[] = [];
    while (this.rows.length > 0) rows.push(this.release());
    return rows;
  }

  /** Values of one row count once. */
  private isSetBack(at: number): boolean {
    if (at === this.dropped) return false;
    this.droppedInOrder = at > this.dropped ? this.droppedInOrder + 1 : 1;
    this.dropped = at;
    return this.droppedInOrder >= NEW_CLOCK_AFTER;
  }

  save(to: StateWriter): void {
    to.number(VERSION);
    to.number(this.dropped);
    to.number(this.droppedInOrder);
    to.number(this.left);
    to.number(this.rows.length);
    for (const { ts, values } of this.rows) {
      to.number(ts);
      to.array(values);
    }
    for (const { ts, value } of this.last) {
      to.number(ts);
      to.number(value);
    }
  }

  load(from: StateReader): void {
    from.version('a row aligner', VERSION);
    this.dropped = from.number();
    this.droppedInOrder = from.number();
    this.left = from.number();
    this.rows.length = from.number();
    for (let i = 0; i < this.rows.length; i++) {
      this.rows[i] = { ts: from.number(), values: new Float64Array(this.options.channels) };
      from.array(this.rows[i]!.values);
    }
    for (let i = 0; i < this.last.length; i++) this.last[i] = { ts: from.number(), value: from.number() };
  }

  private release(): AlignedRow {
    const row = this.rows.shift()!;
    const reach = this.options.fillSteps * this.options.stepMs;
    this.left = row.ts;
    this.droppedInOrder = 0;
    this.last.forEach((last, i) => {
      if (!Number.isNaN(row.values[i]!)) this.last[i] = { ts: row.ts, value: row.values[i]! };
      else if (row.ts - last.ts <= reach) row.values[i] = last.value;
    });
    return row;
  }
}

const NEVER = { ts: Number.NEGATIVE_INFINITY, value: Number.NaN };
