import { setImmediate as nextTurn } from 'node:timers/promises';

import { parseTraceparent } from '@app/observability';
import { RecordDecoder, headerText, type LogBatch, type LogRecord, type RecordFormats } from '@app/streaming';

import type { ObservationWriter } from './observation-writer.js';
import { PointChunk } from './point-chunk.js';
import type { SeriesRegistry } from './series-registry.js';

/** What the consumer works with. */
export interface ConsumerDependencies {
  readonly registry: SeriesRegistry;
  readonly writer: ObservationWriter;
  readonly group: string;
  readonly maxRows: number;
  readonly maxFutureMs: number;
  readonly formats: RecordFormats;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** Handles batches of the observations topic: decode → validate → write with the next offset. */
export class ObservationConsumer {
  readonly #deps: ConsumerDependencies;
  /** Where each partition was left, to notice that another member had it in between. */
  readonly #left = new Map<number, number>();

  constructor(deps: ConsumerDependencies) {
    this.#deps = deps;
  }

  /** While one chunk is in its transaction the next one is decoded. */
  readonly handle = async (batch: LogBatch): Promise<void> => {
    const { topic, partition, signal } = batch;
    const { group, writer, now } = this.#deps;
    if (this.#left.get(partition) !== batch.expectedOffset) this.#deps.registry.forget();
    this.#left.delete(partition);

    let expected = batch.expectedOffset;
    let writing: Promise<void> = Promise.resolve();
    for (let at = 0; at < batch.records.length && !signal.aborted;) {
      const chunk = this.#decode(batch.records, at);
      at += chunk.records;
      await writing;
      writing = writer.write(chunk, { group, topic, partition }, expected, new Date(now()));
      // Its failure is seen at the next await; until then nobody listens.
      writing.catch(() => undefined);
      expected = chunk.nextOffset;
      await nextTurn();
    }
    await writing;
    this.#left.set(partition, expected);
  };

  /** Decodes records from `at` on until the chunk is full. A record is never split; one alone may exceed the limit. */
  #decode(records: readonly LogRecord[], at: number): PointChunk {
    const { registry, maxRows, maxFutureMs, formats } = this.#deps;
    const now = this.#deps.now();
    const chunk = new PointChunk(registry);
    const decoder = new RecordDecoder(chunk, maxFutureMs, formats);
    for (let i = at; i < records.length && chunk.records < maxRows && chunk.points < maxRows; i++) {
      const record = records[i]!;
      chunk.begin(parseTraceparent(headerText(record.headers, 'traceparent')));
      decoder.decode(record, now);
      if (chunk.points > maxRows && chunk.records > 0) {
        chunk.discard();
        break;
      }
      chunk.end(record);
    }
    return chunk;
  }
}
