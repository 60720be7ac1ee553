import type { LogRecord, RecordError, RecordSink, SeriesDeclaration } from '@app/streaming';

import { monthOf, type Month } from './partition-keeper.js';
import type { SeriesRef, SeriesRegistry } from './series-registry.js';
import { sortPoints, type SortedPoints } from './sort-points.js';

/** A record that could not be used, or not wholly. */
export interface BadRecord {
  readonly record: LogRecord;
  readonly errors: readonly RecordError[];
}

/**
 * What a run of records decodes to: the content of one transaction. It holds the points in the order of the log until
 * the series are known, then sorts them.
 */
export class PointChunk implements RecordSink {
  readonly refs: SeriesRef[] = [];
  readonly months = new Map<number, Month>();
  readonly bad: BadRecord[] = [];
  readonly declarations = new Map<SeriesRef, SeriesDeclaration>();
  readonly traces = new Map<SeriesRef, { ts: number; traceparent: string }>();
  records = 0;
  nextOffset = 0;

  readonly #ts: number[] = [];
  readonly #values: number[] = [];
  /** Ordinal of the record that a point came in. */
  readonly #record: number[] = [];
  #month: Month = { from: 0, to: 0 };
  #traceparent: string | undefined;
  #errors: RecordError[] = [];
  #declared: [SeriesRef, SeriesDeclaration][] = [];

  constructor(private readonly registry: SeriesRegistry) {}

  get points(): number {
    return this.refs.length;
  }

  /** Before the record is decoded. */
  begin(traceparent: string | undefined): void {
    this.#traceparent = traceparent;
    this.#errors = [];
    this.#declared = [];
  }

  /** After the record is decoded: it is part of this chunk. */
  end(record: LogRecord): void {
    this.records++;
    this.nextOffset = record.offset + 1;
    if (this.#errors.length > 0) this.bad.push({ record, errors: this.#errors });
    for (const [ref, declaration] of this.#declared) {
      this.declarations.set(ref, { ...this.declarations.get(ref), ...declaration });
    }
    if (this.#traceparent !== undefined) this.#trace(this.#traceparent);
  }

  point(itemId: string, channel: string, ts: number, value: number): void {
    if (ts < this.#month.from || ts >= this.#month.to) this.#enterMonth(ts);
    this.refs.push(this.registry.ref(itemId, channel));
    this.#ts.push(ts);
    this.#values.push(value);
    this.#record.push(this.records);
  }

  declare(itemId: string, channels: readonly string[], declaration: SeriesDeclaration): void {
    for (const channel of channels) this.#declared.push([this.registry.ref(itemId, channel), declaration]);
  }

  fail(error: RecordError): void {
    this.#errors.push(error);
  }

  discard(): void {
    let kept = this.refs.length;
    while (kept > 0 && this.#record[kept - 1] === this.records) kept--;
    for (const column of [this.refs, this.#ts, this.#values, this.#record]) column.length = kept;
    this.#errors = [];
    this.#declared = [];
  }

  /** Every series that the chunk writes to. */
  series(): Set<SeriesRef> {
    return new Set([...this.refs, ...this.declarations.keys()]);
  }

  /** The points in the order of the key. All series must be known. */
  sorted(): SortedPoints {
    return sortPoints({ refs: this.refs, ts: this.#ts, values: this.#values, record: this.#record });
  }

  #enterMonth(ts: number): void {
    this.#month = monthOf(ts);
    this.months.set(this.#month.from, this.#month);
  }

  #trace(traceparent: string): void {
    for (let i = this.refs.length - 1; i >= 0 && this.#record[i] === this.records - 1; i--) {
      const [ref, ts] = [this.refs[i]!, this.#ts[i]!];
      const known = this.traces.get(ref);
      if (!known || ts >= known.ts) this.traces.set(ref, { ts, traceparent });
    }
  }
}
