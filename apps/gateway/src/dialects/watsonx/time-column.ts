import { PlatformError } from '@app/observability';
import { Frequency } from '@app/series';
import { DateTime } from 'luxon';
import { invalid } from '../api-error.js';
import { readTime } from '../inline-series.js';
import { parsePandasFrequency, type NamedFrequency } from '../pandas-frequency.js';

/** Whole numbers count steps; how long one lasts nobody knows, and only natural cycles would depend on it. */
const OF_NUMBERS = Frequency.parse('PT1H')!;
/** A time may be off its step by this share of it; months differ in length. */
const JITTER = 0.05;
const MONTH_JITTER = 0.15;
const MONTH_MS = 27 * 86_400_000;
/** Steps between the first and the newest time of a series, at most. */
const LONGEST_GRID = 100_000;

/** One cell of the time column: where it lies, and how it was written. */
export interface RowTime {
  /** Milliseconds, or a whole number that counts steps. */
  readonly at: number;
  readonly style: 'number' | 'naive' | 'offset';
  /** Minutes east of UTC, of the style `offset`. */
  readonly offset: number;
}

/** @throws PlatformError TS_INVALID naming the column and the row. */
export function readCell(cell: unknown, column: string, row: number): RowTime {
  if (Number.isSafeInteger(cell)) return { at: cell as number, style: 'number', offset: 0 };
  if (typeof cell === 'string') {
    const time = readTime(cell);
    if (time) {
      const style = /[T ].*(Z|[+-]\d\d(:?\d\d)?)$/i.test(cell) ? 'offset' : 'naive';
      return { at: time.toMillis(), style, offset: time.offset };
    }
  }
  const shown = JSON.stringify(cell)?.slice(0, 40) ?? 'nothing';
  const remedy = 'write an ISO-8601 time such as 2026-01-01T00:00:00+00:00, or whole numbers that count steps';
  throw invalid(`data.${column}[${row}] is ${shown}, no usable time; ${remedy}`, 'TS_INVALID');
}

/** The grid on which the rows of a series lie. */
export class TimeGrid {
  private constructor(
    private readonly rows: readonly RowTime[],
    readonly named: NamedFrequency,
    /** Of numbers: how many a step is. */
    private readonly stride: number,
  ) {}

  /**
   * @param rows of one series, in the order of time, not empty.
   * @param alias how the client calls the spacing; inferred from the rows without it.
   * @throws PlatformError FREQ_INVALID where the spacing is not given and can't be inferred.
   */
  static of(rows: readonly RowTime[], alias: string | null | undefined, name: string): TimeGrid {
    const times = rows.map(({ at }) => at);
    if (rows[0]!.style === 'number') {
      const gaps = times.slice(1).map((at, i) => at - times[i]!);
      const stride = Number(alias) >= 1 ? Math.floor(Number(alias)) : Math.min(...gaps.filter((gap) => gap > 0), 1e9);
      return new TimeGrid(rows, { freq: OF_NUMBERS }, stride === 1e9 ? 1 : stride);
    }
    if (alias) return new TimeGrid(rows, parsePandasFrequency(alias), 1);
    const freq = Frequency.infer(times);
    if (freq) return new TimeGrid(rows, { freq }, 1);
    const message = `series ${name}: its spacing can't be told from ${rows.length} row; give schema.freq, such as "1h"`;
    throw new PlatformError('FREQ_INVALID', message, { itemId: name });
  }

  /** Time of the first step, for the engine. */
  get start(): number {
    return this.rows[0]!.style === 'number' ? 0 : this.rows[0]!.at;
  }

  /**
   * On which step each row lies, the first on 0.
   *
   * @throws PlatformError TS_INVALID for a time that comes twice, lies between steps, or is too far from the first.
   */
  steps(name: string): number[] {
    const steps = this.rows.map((row) => this.#stepOf(row, name));
    steps.forEach((step, i) => {
      if (step === steps[i - 1]) throw timeInvalid(name, `the time ${this.#write(step)} comes twice; send each once`);
    });
    if (steps.at(-1)! >= LONGEST_GRID) {
      throw timeInvalid(name, `its times span ${steps.at(-1)} steps, at most ${LONGEST_GRID}; send its newest rows`);
    }
    return steps;
  }

  /** How the client would write the time of a step: in the way of its newest row. */
  write(step: number): string | number {
    const { style } = this.rows.at(-1)!;
    return style === 'number' ? this.rows[0]!.at + step * this.stride : this.#write(step);
  }

  #stepOf({ at }: RowTime, name: string): number {
    const first = this.rows[0]!.at;
    if (this.rows[0]!.style === 'number') {
      const step = (at - first) / this.stride;
      if (Number.isInteger(step)) return step;
      throw timeInvalid(name, `${at} lies between two steps of ${this.stride}; all rows must be as far apart`);
    }
    const { freq } = this.named;
    const step = freq.stepsBetween(first, at);
    const tolerance = freq.approxMs * (freq.approxMs > MONTH_MS ? MONTH_JITTER : JITTER);
    if (Math.abs(this.#timeOf(step) - at) <= tolerance) return step;
    const remedy = `rows must be ${freq.toString()} apart, missing ones may be left out`;
    throw timeInvalid(name, `the time ${new Date(at).toISOString()} lies between two steps; ${remedy}`);
  }

  /** Months are counted from the row latest in its month: 28 February may have been the end of one. */
  #timeOf(step: number): number {
    const { freq } = this.named;
    if (freq.approxMs < MONTH_MS) return freq.addTo(this.rows[0]!.at, step);
    const dayOf = ({ at }: RowTime) => new Date(at).getUTCDate();
    const anchor = this.rows.reduce((latest, row) => (dayOf(row) > dayOf(latest) ? row : latest));
    return freq.addTo(anchor.at, step - freq.stepsBetween(this.rows[0]!.at, anchor.at));
  }

  #write(step: number): string {
    const { style, offset } = this.rows.at(-1)!;
    const time = DateTime.fromMillis(this.#timeOf(step)).setZone('UTC').plus({ minutes: offset });
    const format = `yyyy-MM-dd'T'HH:mm:ss${time.millisecond === 0 ? '' : '.SSS'}`;
    return time.toFormat(format) + (style === 'offset' ? offsetText(offset) : '');
  }
}

function offsetText(offset: number): string {
  const [hours, minutes] = [Math.floor(Math.abs(offset) / 60), Math.abs(offset) % 60];
  return `${offset < 0 ? '-' : '+'}${String(hours).padStart(2, '0')}:${String(minutes).padStart(2, '0')}`;
}

function timeInvalid(name: string, message: string): PlatformError {
  return new PlatformError('TS_INVALID', `series ${name}: ${message}`, { itemId: name });
}
