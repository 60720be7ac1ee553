import { messageOf, metrics, type Logger } from '@app/observability';

import { backOff, pause } from './back-off.js';
import { errorFields } from './error-fields.js';
import type { BatchHandler, LogBatch } from './observation-log.js';
import { FencedError, type PartitionRef, type StoredOffsets } from './stored-offsets.js';

/** What a delivery needs beyond the batch. */
export interface DeliveryContext {
  readonly handler: BatchHandler;
  readonly offsets: StoredOffsets;
  readonly ref: PartitionRef;
  readonly logger: Logger;
}

/**
 * Hands a batch to the handler until all of it is committed. After a failure it waits (100 ms, doubling to 10 s), asks
 * the database how far the partition really is, and offers the rest: a handler that fails on one record blocks its own
 * partition, loses nothing and repeats nothing.
 *
 * @returns the next offset to read, or undefined when the signal ended the delivery. It lies before the batch when the
 * stored offset was moved back.
 */
export async function deliver(context: DeliveryContext, batch: LogBatch): Promise<number | undefined> {
  const { handler, ref, logger } = context;
  const { signal } = batch;
  const first = batch.records[0]?.offset ?? batch.expectedOffset;
  let { records, expectedOffset } = batch;

  for (let attempt = 0; !signal.aborted; attempt++) {
    try {
      await handler({ ...batch, records, expectedOffset });
      // A handler that was told to stop may have left the rest undone.
      return signal.aborted ? undefined : nextOffset(records, expectedOffset);
    } catch (error) {
      if (signal.aborted) return undefined;
      report(error, attempt, ref, logger);
      if (!(error instanceof FencedError) || attempt > 0) await pause(backOff(attempt), signal);
    }

    const stored = await loadStored(context, expectedOffset, signal);
    if (stored === undefined) return undefined;
    if (stored < first && stored !== batch.expectedOffset) return stored;
    const rest = records.filter((record) => record.offset >= stored);
    if (rest.length === 0) return stored;
    if (stored !== expectedOffset) attempt = -1;
    records = rest;
    expectedOffset = stored;
  }
  return undefined;
}

function nextOffset(records: LogBatch['records'], fallback: number): number {
  const last = records.at(-1);
  return last ? last.offset + 1 : fallback;
}

function report(error: unknown, attempt: number, ref: PartitionRef, logger: Logger): void {
  if (error instanceof FencedError) {
    metrics.fencedTransactions.inc();
    logger.info({ ...ref }, `${error.message}: rolled back, reading the stored offset again`);
    return;
  }
  logger.error({ ...ref, ...errorFields(error), attempt }, `batch failed and will be tried again: ${messageOf(error)}`);
}

// A row that somebody deleted comes back where this member is: deleting it under a running group resets nothing.
async function loadStored({ offsets, ref, logger }: DeliveryContext, fallback: number, signal: AbortSignal) {
  for (let attempt = 0; !signal.aborted; attempt++) {
    try {
      return (await offsets.load(ref)) ?? (await offsets.initialise(ref, fallback));
    } catch (error) {
      logger.error({ ...ref, ...errorFields(error), attempt }, `stored offset can't be read: ${messageOf(error)}`);
      await pause(backOff(attempt), signal);
    }
  }
  return undefined;
}
