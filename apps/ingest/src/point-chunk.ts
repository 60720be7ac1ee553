import type { LogRecord, RecordError, RecordSink, SeriesDeclaration } from '@app/streaming';
import { ObservationFlag } from '@app/series';

import { monthOf, type Month } from './partition-keeper.js';
import type { SeriesRef, SeriesRegistry } from './series-registry.js';

/** A record that could not be used, or not wholly. */
export interface BadRecord {
  readonly record: LogRecord;
  readonly errors: readonly RecordError[];
}

/** The points of one transaction in columns, ascending by (series, ts), and what was replaced among themselves. */
export interface SortedPoints {
  readonly seriesIds: Int32Array;
  readonly ts: Float64Array;
  readonly values: Float64Array;
  readonly flags: Int16Array | undefined;
  readonly replaced: { seriesIds: number[]; ts: number[]; values: number[] };
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
  /** Points a series, for the profiler. */
  readonly counts = new Map<SeriesRef, number>();
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

  /**
   * The points in the order of the key, each (series, ts) once: the last one wins, and an earlier one that differs is
   * kept as replaced. Call it once, with all series known.
   *
   * A point is late when, at its place in the log, an earlier record had brought a newer point of the series. That
   * depends on the log alone, not on how it was cut into batches. Points of one record come at one moment.
   */
  sorted(): SortedPoints {
    const late = this.#markLate();
    const order = this.#order();
    const columns = {
      seriesIds: new Int32Array(order.length),
      ts: new Float64Array(order.length),
      values: new Float64Array(order.length),
    };
    const flags = new Int16Array(order.length);
    const replaced = { seriesIds: [] as number[], ts: [] as number[], values: [] as number[] };
    let count = 0;
    let flagged = false;
    for (const i of order) {
      const [seriesId, ts, value] = [this.refs[i]!.seriesId, this.#ts[i]!, this.#values[i]!];
      const last = count - 1;
      let flag = late[i] ? ObservationFlag.late : 0;
      if (count > 0 && columns.seriesIds[last] === seriesId && columns.ts[last] === ts) {
        flag |= flags[last]!;
        if (columns.values[last] !== value) {
          flag |= ObservationFlag.revised;
          replaced.seriesIds.push(seriesId);
          replaced.ts.push(ts);
          replaced.values.push(columns.values[last]!);
        }
        count--;
      }
      columns.seriesIds[count] = seriesId;
      columns.ts[count] = ts;
      columns.values[count] = value;
      flags[count] = flag;
      if (flag !== 0) flagged = true;
      count++;
    }
    return {
      seriesIds: columns.seriesIds.subarray(0, count),
      ts: columns.ts.subarray(0, count),
      values: columns.values.subarray(0, count),
      flags: flagged ? flags.subarray(0, count) : undefined,
      replaced,
    };
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

  /** Moves `pending` of every series along the log; `newest` moves when the chunk is committed. */
  #markLate(): Uint8Array {
    const late = new Uint8Array(this.refs.length);
    const before = new Map<SeriesRef, number>();
    for (let i = 0; i < this.refs.length; i++) {
      const ref = this.refs[i]!;
      const ts = this.#ts[i]!;
      const record = this.#record[i]!;
      const count = this.counts.get(ref);
      if (count === undefined) {
        ref.pending = ref.newest;
        ref.pendingRecord = -1;
        before.set(ref, ref.newest);
      } else if (ref.pendingRecord !== record) before.set(ref, ref.pending);
      this.counts.set(ref, (count ?? 0) + 1);
      ref.pendingRecord = record;
      if (ts < before.get(ref)!) late[i] = 1;
      if (ts > ref.pending) ref.pending = ts;
    }
    return late;
  }

  /** Places of the points by (series, ts), and by the log where these are equal. */
  #order(): Uint32Array {
    const order = Uint32Array.from(this.refs.keys());
    const ids = Int32Array.from(this.refs, (ref) => ref.seriesId);
    const ts = this.#ts;
    return order.sort((a, b) => ids[a]! - ids[b]! || ts[a]! - ts[b]! || a - b);
  }
}
