import type { LogRecord, RecordSink } from '@app/streaming';

import type { LeadForecast, Moment } from './watch/moment.js';

/** What one record says of an item at one time. */
export interface ChunkMoment extends Moment {
  readonly itemId: string;
  readonly ts: number;
  readonly channels: string[];
  readonly values: number[];
  /** When the record was appended to the log. */
  readonly arrivedAt: number;
  /** Set once the stored forecasts are known. */
  forecasts?: (readonly LeadForecast[])[];
}

/** What a run of records says: the content of one transaction. Records that ingest refuses say nothing here. */
export class MomentChunk implements RecordSink {
  readonly moments: ChunkMoment[] = [];
  points = 0;
  records = 0;
  nextOffset = 0;
  #first = 0;
  #arrivedAt = 0;
  #pointsBefore = 0;

  /** Before the record is decoded. */
  begin({ timestamp }: LogRecord): void {
    this.#first = this.moments.length;
    this.#pointsBefore = this.points;
    this.#arrivedAt = timestamp;
  }

  /** After the record is decoded: it is part of this chunk. */
  end({ offset }: LogRecord): void {
    this.records++;
    this.nextOffset = offset + 1;
  }

  point(itemId: string, channel: string, ts: number, value: number): void {
    this.points++;
    const last = this.moments.length > this.#first ? this.moments.at(-1) : undefined;
    if (last?.itemId === itemId && last.ts === ts && !last.channels.includes(channel)) {
      last.channels.push(channel);
      last.values.push(value);
    } else this.moments.push({ itemId, ts, channels: [channel], values: [value], arrivedAt: this.#arrivedAt });
  }

  discard(): void {
    this.moments.length = this.#first;
    this.points = this.#pointsBefore;
  }

  /** Ingest tells of what is wrong with a record, and keeps what it declares. */
  fail(): void {}
  declare(): void {}

  /** Every item that is spoken of. */
  itemIds(): Set<string> {
    return new Set(this.moments.map(({ itemId }) => itemId));
  }
}
