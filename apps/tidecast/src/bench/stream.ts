import type { BatchHandler, LogBatch, ObservationLog, OutgoingRecord } from '@app/streaming';
import type { DataSource } from 'typeorm';

import type { Progress } from '../evaluate/progress.js';

const APPENDED_AT_ONCE = 10_000;

/** Fills a topic with `total` records, made one at a time. */
export async function fillTopic(
  log: ObservationLog,
  topic: string,
  total: number,
  record: (i: number) => OutgoingRecord,
  progress: Progress,
): Promise<void> {
  await log.ensureTopics([topic]);
  for (let at = 0; at < total; at += APPENDED_AT_ONCE) {
    const end = Math.min(at + APPENDED_AT_ONCE, total);
    await log.append(
      topic,
      Array.from({ length: end - at }, (_, i) => record(at + i)),
    );
    progress.report('filling the topic', end, total);
  }
}

/** A role that consumes a log. */
export interface Consumer {
  onApplicationBootstrap(): void;
  onModuleDestroy(): Promise<void>;
}

/** Who hears of the work of a consumer: before its first batch, and after each of its batches. */
export interface Watcher {
  started(): void;
  /** @param committed records so far. */
  committed(committed: number): void;
}

/** A log, and who reads it. */
export interface Reading {
  readonly log: ObservationLog;
  readonly dataSource: DataSource;
  readonly group: string;
  /** Records to be committed; then the consumer is stopped. */
  readonly total: number;
}

/** Runs a consumer over a log until it has committed all of it. */
export async function consumeAll(
  { log, dataSource, group, total }: Reading,
  watcher: Watcher,
  make: (log: ObservationLog) => Consumer,
): Promise<void> {
  // Not the records that were handed over: a batch may be left half done where the group forms anew.
  const committed = async () => {
    const [row] = await dataSource.query<{ done: string | null }[]>(
      'SELECT sum(next_offset) AS done FROM stream_offsets WHERE consumer_group = $1',
      [group],
    );
    return Number(row?.done);
  };
  let consumer: Consumer | undefined;
  try {
    await new Promise<void>((resolve) => {
      let begun = false;
      const watch = (handler: BatchHandler) => async (batch: LogBatch) => {
        if (!begun) watcher.started();
        begun = true;
        await handler(batch);
        const done = await committed();
        watcher.committed(done);
        if (done === total) resolve();
      };
      consumer = make(watched(log, watch));
      consumer.onApplicationBootstrap();
    });
  } finally {
    await consumer?.onModuleDestroy();
  }
}

/** The log as it is, with an eye on the handler. */
function watched(log: ObservationLog, watch: (handler: BatchHandler) => BatchHandler): ObservationLog {
  return {
    kind: log.kind,
    check: () => log.check(),
    ensureTopics: (topics) => log.ensureTopics(topics),
    append: (topic, records) => log.append(topic, records),
    consume: (options, handler) => log.consume(options, watch(handler)),
    endOffsets: (topic) => log.endOffsets(topic),
    lag: (group, topic) => log.lag(group, topic),
    close: () => log.close(),
  };
}
