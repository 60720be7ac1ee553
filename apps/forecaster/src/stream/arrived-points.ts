import type { LogRecord, RecordSink } from '@app/streaming';

/** The times of the points that records bring, by series; what ingest refuses is not here. */
export class ArrivedPoints implements RecordSink {
  /** Records that were decoded in full. */
  records = 0;
  points = 0;
  nextOffset = 0;
  readonly #series = new Map<string, { itemId: string; channel: string; times: number[] }>();
  #added: number[][] = [];

  /** Each series with its times in the order of the log, epoch milliseconds. */
  get series(): { itemId: string; channel: string; times: number[] }[] {
    return [...this.#series.values()].filter(({ times }) => times.length > 0);
  }

  /** After a record is decoded. */
  end({ offset }: LogRecord): void {
    this.records++;
    this.nextOffset = offset + 1;
    this.#added = [];
  }

  point(itemId: string, channel: string, ts: number): void {
    const key = JSON.stringify([itemId, channel]);
    let found = this.#series.get(key);
    if (!found) this.#series.set(key, (found = { itemId, channel, times: [] }));
    found.times.push(ts);
    this.#added.push(found.times);
    this.points++;
  }

  discard(): void {
    for (const times of this.#added) times.pop();
    this.points -= this.#added.length;
    this.#added = [];
  }

  /** Ingest tells of what is wrong with a record, and keeps what it declares. */
  fail(): void {}
  declare(): void {}
}
