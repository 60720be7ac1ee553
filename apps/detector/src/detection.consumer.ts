import { setImmediate as nextTurn } from 'node:timers/promises';

import { metrics } from '@app/observability';
import { RecordDecoder, type LogBatch, type LogRecord, type PartitionRef, type RecordFormats } from '@app/streaming';

import type { DetectionRule } from './detection-rules.js';
import type { Detections, DetectionWriter } from './detection-writer.js';
import type { ForecastLookup } from './forecast-lookup.js';
import type { ItemCache, WatchedItem } from './item-cache.js';
import { MomentChunk, type ChunkMoment } from './moment-chunk.js';
import type { RuleLookup } from './rule-lookup.js';
import type { Anomaly } from './watch/item-watch.js';
import { encodeMoments } from './watch/moment.js';

/** What the consumer works with. */
export interface ConsumerDependencies {
  readonly rules: RuleLookup;
  readonly cache: ItemCache;
  readonly forecasts: ForecastLookup;
  readonly writer: DetectionWriter;
  readonly group: string;
  readonly maxPoints: number;
  readonly maxFutureMs: number;
  readonly formats: RecordFormats;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** After a commit that told of alerts. */
  readonly alerted: () => void;
}

/**
 * Values a channel between two snapshots of an item. A snapshot is large, what was shown since is small: writing them
 * seldom is cheap, and the values between are shown again to a detector that is restored.
 */
const SNAPSHOT_EVERY = 128;
/** Detectors work for so long before the event loop gets a turn: they may share the process with HTTP. */
const TURN_MS = 10;

/** Handles batches of the observations topic: decode → look up forecasts → detect → write with the next offset. */
export class DetectionConsumer {
  readonly #deps: ConsumerDependencies;
  /** Where each partition was left, to notice that another member had it in between. */
  readonly #left = new Map<number, number>();

  constructor(deps: ConsumerDependencies) {
    this.#deps = deps;
  }

  /** While one chunk is in its transaction the next one is judged. */
  readonly handle = async (batch: LogBatch): Promise<void> => {
    const { topic, partition } = batch;
    const place: PartitionRef = { group: this.#deps.group, topic, partition };
    if (this.#left.get(partition) !== batch.expectedOffset) this.#deps.cache.forget(place);
    this.#left.delete(partition);
    try {
      this.#left.set(partition, await this.#work(batch, place));
    } catch (error) {
      // What is in memory is ahead of what is committed.
      this.#deps.cache.forget(place);
      throw error;
    }
  };

  async #work({ records, expectedOffset, signal }: LogBatch, place: PartitionRef): Promise<number> {
    let expected = expectedOffset;
    let writing: Promise<unknown> = Promise.resolve();
    for (let at = 0; at < records.length && !signal.aborted;) {
      const chunk = this.#decode(records, at);
      at += chunk.records;
      // Both have ended before either's failure is told: nothing works on states that are forgotten.
      const [written, detected] = await Promise.allSettled([writing, this.#detect(chunk, place)]);
      if (written.status === 'rejected') throw written.reason;
      if (detected.status === 'rejected') throw detected.reason;
      const [detections, items] = detected.value;
      writing = this.#commit(detections, items, place, expected);
      // Its failure is seen at the next await; until then nobody listens.
      writing.catch(() => undefined);
      expected = chunk.nextOffset;
    }
    await writing;
    return expected;
  }

  async #commit(detections: Detections, items: WatchedItem[], place: PartitionRef, expected: number): Promise<void> {
    const { cache, writer, now, alerted } = this.#deps;
    const alerts = await writer.write(detections, place, expected, new Date(now()));
    for (const item of items) item.uncommitted--;
    cache.evict();
    if (alerts > 0) alerted();
  }

  /** Decodes records from `at` on until the chunk is full. A record is never split; one alone may exceed the limit. */
  #decode(records: readonly LogRecord[], at: number): MomentChunk {
    const { maxPoints, maxFutureMs, formats } = this.#deps;
    const now = this.#deps.now();
    const chunk = new MomentChunk();
    const decoder = new RecordDecoder(chunk, maxFutureMs, formats);
    for (let i = at; i < records.length && chunk.records < maxPoints && chunk.points < maxPoints; i++) {
      const record = records[i]!;
      chunk.begin(record);
      decoder.decode(record, now);
      if (chunk.points > maxPoints && chunk.records > 0) {
        chunk.discard();
        break;
      }
      chunk.end(record);
    }
    return chunk;
  }

  async #detect(chunk: MomentChunk, place: PartitionRef): Promise<[Detections, WatchedItem[]]> {
    const { cache, forecasts } = this.#deps;
    const { moments } = chunk;
    const rules = await this.#deps.rules.of(chunk.itemIds());
    await forecasts.attach(moments.filter(({ itemId }) => rules.get(itemId)!.detectors.has('forecast')));
    const items = await cache.acquire(place, rules);

    const anomalies: { itemId: string; anomaly: Anomaly }[] = [];
    const shown = new Map<WatchedItem, ChunkMoment[]>();
    let turn = performance.now() + TURN_MS;
    for (const moment of moments) {
      const item = items.get(moment.itemId)!;
      item.unsaved += moment.channels.length;
      for (const anomaly of item.watch.observe(moment)) anomalies.push({ itemId: item.itemId, anomaly });
      const list = shown.get(item);
      if (list) list.push(moment);
      else shown.set(item, [moment]);
      if (performance.now() < turn) continue;
      await nextTurn();
      turn = performance.now() + TURN_MS;
    }
    metrics.scores.inc(chunk.points);
    return [this.#detections(chunk, shown, anomalies), [...shown.keys()]];
  }

  /** Taken before the next chunk is judged: it will move the same states on. */
  #detections(
    { nextOffset }: MomentChunk,
    shown: ReadonlyMap<WatchedItem, readonly ChunkMoment[]>,
    anomalies: Detections['anomalies'],
  ): Detections {
    const items = new Map<string, { ts: number; rule: DetectionRule }>();
    const inputs: [string, string][] = [];
    const snapshots: [string, Uint8Array][] = [];
    for (const [item, moments] of shown) {
      items.set(item.itemId, { ts: moments[0]!.ts, rule: item.rule });
      this.#deps.cache.resize(item);
      if (item.unsaved < SNAPSHOT_EVERY * Math.max(1, item.watch.width)) {
        inputs.push([item.itemId, encodeMoments(moments)]);
        continue;
      }
      const snapshot = item.watch.snapshot();
      this.#deps.cache.measure(item, snapshot.length);
      snapshots.push([item.itemId, snapshot]);
      item.unsaved = 0;
    }
    return { nextOffset, items, anomalies, inputs, snapshots };
  }
}
