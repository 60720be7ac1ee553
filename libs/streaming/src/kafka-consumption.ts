import { messageOf, metrics, type Logger } from '@app/observability';
import type { Consumer, EachBatchPayload, Kafka, KafkaMessage } from 'kafkajs';

import { atMost, backOff, pause } from './back-off.js';
import { deliver } from './delivery.js';
import { errorFields } from './error-fields.js';
import type { BatchHandler, ConsumeOptions, Consumption, LogHeaders, LogRecord } from './observation-log.js';
import type { PartitionRef, StoredOffsets } from './stored-offsets.js';

// Fetched and not yet handled, a partition: above it fetching pauses, below half of it resumes.
const MAX_QUEUED_RECORDS = 20_000;
const DELIVERED_RECORDS = 10_000;
const MAX_QUEUED_BYTES = 16_777_216;
// How long the partitions of a member that died wait for the others; the least that brokers allow by default. A member
// that was only slow costs a rebalance, not a record: its transaction is fenced.
const SESSION_TIMEOUT_MS = 6_000;
const HINT_INTERVAL_MS = 5_000;
// A kafkajs consumer can't be interrupted in its handshakes; a process that ends doesn't wait longer than this.
const STOP_PATIENCE_MS = 1_500;

interface Dependencies {
  readonly kafka: Kafka;
  readonly options: ConsumeOptions;
  readonly handler: BatchHandler;
  readonly offsets: StoredOffsets;
  readonly logger: Logger;
  readonly prepare: () => Promise<void>;
  readonly available: (partition: number) => Promise<{ earliest: number; end: number }>;
}

/** One partition in our hands: a bounded queue between kafkajs, which fetches, and the handler, which commits. */
interface OwnedPartition {
  readonly ref: PartitionRef;
  readonly abort: AbortController;
  /** Next offset to hand over. */
  position: number;
  /** Where the next fetch must have started for its records to follow those in the queue. */
  fetchFrom: number;
  /** The place where a fetch started instead, once it has been asked for a second time. */
  confirmedJump: number | undefined;
  end: number;
  readonly queue: LogRecord[][];
  queuedRecords: number;
  queuedBytes: number;
  paused: boolean;
  /** The loop that drains the queue, while it runs. */
  working: Promise<void> | undefined;
}

/**
 * A member of a Kafka consumer group that trusts only the offset in PostgreSQL.
 *
 * kafkajs fetches a broker's next records only when every batch of the last answer is dealt with, so `eachBatch` never
 * waits: it puts records in the partition's queue and returns. A full queue pauses its partition; the others go on.
 */
export class KafkaConsumption implements Consumption {
  readonly #deps: Dependencies;
  readonly #stopping = new AbortController();
  readonly #partitions = new Map<number, OwnedPartition>();
  readonly #running: Promise<void>;
  #consumer: Consumer | undefined;
  #hintTimer: NodeJS.Timeout | undefined;
  #crashed: ((error: Error) => void) | undefined;

  constructor(deps: Dependencies) {
    this.#deps = deps;
    this.#running = this.#run();
  }

  assigned(): number[] {
    return [...this.#partitions.keys()].toSorted((a, b) => a - b);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await atMost(STOP_PATIENCE_MS, this.#running);
  }

  /** Consumes until stopped; a consumer that kafkajs gives up is replaced by a new one. */
  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    for (let attempt = 0; !signal.aborted; attempt++) {
      const started = Date.now();
      try {
        await this.#deps.prepare();
        await this.#consumeOnce(signal);
      } catch (error) {
        if (signal.aborted) break;
        if (Date.now() - started > 60_000) attempt = 0;
        this.#deps.logger.error(
          { ...errorFields(error), topic: this.#deps.options.topic, attempt },
          `consumer of ${this.#deps.options.topic} failed and starts again: ${messageOf(error)}`,
        );
        await pause(backOff(attempt), signal);
      }
    }
  }

  async #consumeOnce(signal: AbortSignal): Promise<void> {
    const { kafka, options } = this.#deps;
    const consumer = kafka.consumer({
      groupId: options.group,
      sessionTimeout: SESSION_TIMEOUT_MS,
      rebalanceTimeout: 15_000,
      heartbeatInterval: 1_000,
      maxWaitTimeInMs: 100,
      retry: { retries: 2, initialRetryTime: 100, maxRetryTime: 300, restartOnFailure: async () => false },
    });
    this.#consumer = consumer;
    const crash = new Promise<never>((_resolve, reject) => {
      this.#crashed = reject;
    });
    // Without a listener a crash before the race below would be an unhandled rejection.
    crash.catch(() => undefined);
    consumer.on(consumer.events.CRASH, ({ payload }) => this.#crashed?.(payload.error));
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) =>
      this.#assign(payload.memberAssignment[options.topic] ?? []),
    );
    try {
      await Promise.race([this.#start(consumer), crash]);
      this.#hintTimer = setInterval(() => void this.#hint(), HINT_INTERVAL_MS);
      await Promise.race([aborted(signal), crash]);
    } finally {
      clearInterval(this.#hintTimer);
      await this.#leave(consumer);
    }
  }

  async #start(consumer: Consumer): Promise<void> {
    await consumer.connect();
    await consumer.subscribe({ topic: this.#deps.options.topic, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: 16,
      // Not async on purpose: nothing may come between taking the records and pausing the partition.
      eachBatch: (payload) => {
        this.#take(payload);
        return Promise.resolve();
      },
    });
  }

  async #leave(consumer: Consumer): Promise<void> {
    const partitions = [...this.#partitions.values()];
    for (const partition of partitions) partition.abort.abort();
    await Promise.all(partitions.map((partition) => partition.working ?? Promise.resolve()));
    await this.#hint();
    this.#release(partitions);
    this.#consumer = undefined;
    await consumer.disconnect().catch((error: unknown) => {
      this.#deps.logger.debug({ ...errorFields(error) }, 'consumer did not disconnect cleanly; it is abandoned');
    });
  }

  /**
   * Takes over an assignment. Everything up to the first await happens inside kafkajs' event, before it can fetch:
   * what it would fetch first is from its own idea of the offset, not from ours.
   */
  #assign(assigned: readonly number[]): void {
    const before = new Map(this.#partitions);
    for (const partition of before.values()) partition.abort.abort();
    this.#partitions.clear();
    this.#setPaused(assigned, true);
    for (const partition of assigned) {
      const owned = this.#own(partition);
      this.#partitions.set(partition, owned);
      void this.#prepare(owned, before.get(partition)?.working);
      before.delete(partition);
    }
    this.#release([...before.values()]);
  }

  #own(partition: number): OwnedPartition {
    const { group, topic } = this.#deps.options;
    return {
      ref: { group, topic, partition },
      abort: new AbortController(),
      position: 0,
      fetchFrom: 0,
      confirmedJump: undefined,
      end: 0,
      queue: [],
      queuedRecords: 0,
      queuedBytes: 0,
      paused: true,
      working: undefined,
    };
  }

  /** Waits for what this member still has in hand from before, loads the stored offset, and lets the records come. */
  async #prepare(owned: OwnedPartition, inHand: Promise<void> | undefined): Promise<void> {
    await inHand;
    for (let attempt = 0; !owned.abort.signal.aborted; attempt++) {
      try {
        await this.#seekToStored(owned);
        return;
      } catch (error) {
        this.#deps.logger.error(
          { ...owned.ref, ...errorFields(error), attempt },
          `partition can't be taken over yet: ${messageOf(error)}`,
        );
        await pause(backOff(attempt), owned.abort.signal);
      }
    }
  }

  async #seekToStored(owned: OwnedPartition): Promise<void> {
    const available = await this.#deps.available(owned.ref.partition);
    const { offset, lost } = await this.#deps.offsets.resume(owned.ref, available);
    if (lost) this.#deps.logger.error({ ...lost.details, code: lost.code }, lost.message);
    if (owned.abort.signal.aborted) return;
    this.#rewind(owned, offset);
    owned.end = available.end;
    this.#showLag(owned);
  }

  /** Drops what is queued and has kafkajs fetch from `offset`. */
  #rewind(owned: OwnedPartition, offset: number): void {
    const { topic, partition } = owned.ref;
    owned.queue.length = 0;
    owned.queuedRecords = 0;
    owned.queuedBytes = 0;
    owned.position = offset;
    owned.fetchFrom = offset;
    this.#consumer?.seek({ topic, partition, offset: String(offset) });
    this.#setPaused([partition], false);
    owned.paused = false;
  }

  #take(payload: EachBatchPayload): void {
    const { batch } = payload;
    const owned = this.#partitions.get(batch.partition);
    const last = batch.messages.at(-1);
    if (!owned || owned.paused || payload.isStale() || !last || !this.#follows(owned, batch)) return;

    payload.resolveOffset(last.offset);
    const records = asRecords(batch.messages);
    for (const { value } of records) owned.queuedBytes += value?.length ?? 0;
    owned.fetchFrom = Number(batch.lastOffset()) + 1;
    owned.end = Number(batch.highWatermark);
    owned.queue.push(records);
    owned.queuedRecords += records.length;
    if (owned.queuedRecords >= MAX_QUEUED_RECORDS || owned.queuedBytes >= MAX_QUEUED_BYTES) {
      owned.paused = true;
      this.#setPaused([batch.partition], true);
      metrics.consumerPaused.set(owned.ref, 1);
    }
    owned.working ??= this.#drain(owned);
  }

  /**
   * A batch that kafkajs still held from before a rebalance or a seek would leave a hole that looks like a normal gap.
   * So when a fetch did not start where ours ended, it is asked for once more: if it starts there again, the gap is real
   * (records of transaction markers only, or a position that the broker no longer has).
   */
  #follows(owned: OwnedPartition, batch: EachBatchPayload['batch'] & { fetchedOffset?: string }): boolean {
    const from = Number(batch.fetchedOffset ?? batch.firstOffset());
    const jumped = from !== owned.fetchFrom;
    const follows = !jumped || owned.confirmedJump === from;
    owned.confirmedJump = jumped ? from : undefined;
    if (!follows) {
      const { topic, partition } = owned.ref;
      this.#consumer?.seek({ topic, partition, offset: String(owned.fetchFrom) });
    }
    return follows;
  }

  async #drain(owned: OwnedPartition): Promise<void> {
    const { signal } = owned.abort;
    try {
      while (!signal.aborted) {
        const records = takeUpTo(owned.queue, DELIVERED_RECORDS);
        if (records.length === 0) break;
        owned.queuedRecords -= records.length;
        for (const { value } of records) owned.queuedBytes -= value?.length ?? 0;
        this.#resumeWhenLow(owned);
        await this.#handle(owned, records);
      }
    } catch (error) {
      // Only finding out what the broker still has can throw here; taking the partition over anew tries it again.
      this.#deps.logger.error({ ...owned.ref, ...errorFields(error) }, `partition starts again: ${messageOf(error)}`);
      await pause(backOff(3), signal);
      void this.#prepare(owned, owned.working);
    } finally {
      owned.working = undefined;
    }
  }

  async #handle(owned: OwnedPartition, fetched: readonly LogRecord[]): Promise<void> {
    if (fetched[0]?.offset !== owned.position && (await this.#positionIsLost(owned))) return;
    const records = fetched.filter((record) => record.offset >= owned.position);
    if (records.length === 0) return;

    const { group, topic, partition } = owned.ref;
    const { signal } = owned.abort;
    const next = await deliver(
      { handler: this.#deps.handler, offsets: this.#deps.offsets, ref: owned.ref, logger: this.#deps.logger },
      { topic, partition, records, expectedOffset: owned.position, signal },
    );
    if (next === undefined) return;
    if (next < (records[0]?.offset ?? next)) {
      this.#rewind(owned, next);
      return;
    }
    owned.position = next;
    metrics.recordsConsumed.inc({ group, topic }, records.length);
    this.#showLag(owned);
  }

  // Gaps are normal (transaction markers, compaction). Only when the broker no longer has our position did kafkajs
  // reset it, silently, after OFFSET_OUT_OF_RANGE.
  async #positionIsLost(owned: OwnedPartition): Promise<boolean> {
    const { earliest, end } = await this.#deps.available(owned.ref.partition);
    if (owned.position >= earliest && owned.position <= end) return false;
    await this.#seekToStored(owned);
    return true;
  }

  #resumeWhenLow(owned: OwnedPartition): void {
    const low = owned.queuedRecords < MAX_QUEUED_RECORDS / 2 && owned.queuedBytes < MAX_QUEUED_BYTES / 2;
    if (!owned.paused || !low || this.#partitions.get(owned.ref.partition) !== owned) return;
    owned.paused = false;
    this.#setPaused([owned.ref.partition], false);
    metrics.consumerPaused.set(owned.ref, 0);
  }

  #setPaused(partitions: readonly number[], paused: boolean): void {
    const where = [{ topic: this.#deps.options.topic, partitions: [...partitions] }];
    try {
      if (paused) this.#consumer?.pause(where);
      else this.#consumer?.resume(where);
    } catch (error) {
      // "Consumer group was not initialized": the consumer is being replaced, and the next one starts paused.
      this.#deps.logger.debug({ ...errorFields(error) }, 'consumer has no group to pause or resume');
    }
  }

  /** Tells the broker where the group is, for its own tools. */
  async #hint(): Promise<void> {
    const { topic } = this.#deps.options;
    const offsets = [...this.#partitions.values()]
      .filter((owned) => owned.position > 0)
      .map((owned) => ({ topic, partition: owned.ref.partition, offset: String(owned.position) }));
    if (offsets.length === 0) return;
    await this.#consumer?.commitOffsets(offsets).catch((error: unknown) => {
      this.#deps.logger.debug({ ...errorFields(error) }, 'offsets were not committed to the broker; it is only a hint');
    });
  }

  #showLag(owned: OwnedPartition): void {
    const { group, topic, partition } = owned.ref;
    metrics.consumerLag.set({ group, topic, partition }, Math.max(0, owned.end - owned.position));
  }

  #release(partitions: readonly OwnedPartition[]): void {
    for (const { ref } of partitions) {
      if (this.#partitions.get(ref.partition)?.ref === ref) this.#partitions.delete(ref.partition);
      metrics.consumerLag.remove({ group: ref.group, topic: ref.topic, partition: ref.partition });
      metrics.consumerPaused.remove({ group: ref.group, topic: ref.topic, partition: ref.partition });
    }
  }
}

// A copy of each message would cost a tenth of the time that a record takes altogether, so they become the records.
function asRecords(messages: KafkaMessage[]): LogRecord[] {
  const records = messages as unknown as {
    offset: number | string;
    timestamp: number | string;
    headers: LogHeaders | undefined;
  }[];
  for (const record of records) {
    record.offset = Number(record.offset);
    record.timestamp = Number(record.timestamp);
    record.headers ??= {};
  }
  return records as LogRecord[];
}

/** Fetches joined until they have `count` records, as small fetches make small transactions. */
function takeUpTo(queue: LogRecord[][], count: number): LogRecord[] {
  const taken = queue.shift() ?? [];
  for (let next = queue[0]; next && taken.length + next.length <= count; next = queue[0]) {
    taken.push(...next);
    queue.shift();
  }
  return taken;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
