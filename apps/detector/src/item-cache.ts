import { metrics } from '@app/observability';
import type { DetectorStateRepository, StatePlace, StoredState } from '@app/persistence';

import type { DetectionRule } from './detection-rules.js';
import { ItemWatch } from './watch/item-watch.js';
import { decodeMoments } from './watch/moment.js';

const LOADED_AT_ONCE = 64;
/** Guess of an item's size before one like it was measured. */
const CHANNEL_BYTES = 200_000;

/** An item in memory. */
export interface WatchedItem {
  readonly itemId: string;
  rule: DetectionRule;
  watch: ItemWatch;
  /** Values shown since the last snapshot. */
  unsaved: number;
  /** Chunks that it is part of and that are not committed: until then it must stay. */
  uncommitted: number;
  bytes: number;
}

/**
 * The watched items of all partitions, in memory. When they take more than their budget, those idle the longest leave
 * it; Postgres has their state, and they come back with their next point. Items of the chunk at hand stay, whatever
 * they take.
 */
export class ItemCache {
  readonly #items = new Map<string, WatchedItem>();
  readonly #sizes = new Map<string, number>();
  #bytes = 0;

  constructor(
    private readonly states: DetectorStateRepository,
    private readonly budgetBytes: number,
  ) {}

  /** Items in memory. */
  get size(): number {
    return this.#items.size;
  }

  /**
   * The items of a chunk, by id, watched by these rules; those not in memory are restored. They stay until `uncommitted`
   * is taken back.
   */
  async acquire(place: StatePlace, rules: ReadonlyMap<string, DetectionRule>): Promise<Map<string, WatchedItem>> {
    const acquired = new Map<string, WatchedItem>();
    const missing: string[] = [];
    for (const [itemId, rule] of rules) {
      const key = keyOf(place, itemId);
      const item = this.#items.get(key);
      if (!item) missing.push(itemId);
      else {
        if (item.rule !== rule) adopt(item, rule);
        // Moved to the end: the order of the map is that of the last use.
        this.#items.delete(key);
        this.#items.set(key, item);
        item.uncommitted++;
        acquired.set(itemId, item);
      }
    }
    for (let at = 0; at < missing.length; at += LOADED_AT_ONCE) {
      const batch = missing.slice(at, at + LOADED_AT_ONCE);
      const stored = await this.states.load(place, batch);
      for (const itemId of batch) {
        const state = stored.get(itemId);
        const item = this.#restore(itemId, rules.get(itemId)!, state);
        this.#items.set(keyOf(place, itemId), item);
        this.#bytes += item.bytes;
        acquired.set(itemId, item);
      }
    }
    metrics.detectorItems.set(this.#items.size);
    return acquired;
  }

  /** Tells how large an item turned out to be. */
  measure(item: WatchedItem, bytes: number): void {
    this.#sizes.set(sizeKey(item), bytes);
    this.resize(item);
  }

  /** Counts an item anew whose channels may have become more. */
  resize(item: WatchedItem): void {
    const bytes = this.#sizes.get(sizeKey(item)) ?? CHANNEL_BYTES * Math.max(1, item.watch.width);
    this.#bytes += bytes - item.bytes;
    item.bytes = bytes;
  }

  /** Lets items go that were idle the longest, until the others are within the budget. */
  evict(): void {
    if (this.#bytes <= this.budgetBytes) return;
    for (const [key, item] of this.#items) {
      if (this.#bytes <= this.budgetBytes) break;
      if (item.uncommitted > 0) continue;
      this.#remove(key, item);
      metrics.detectorEvictions.inc();
    }
    metrics.detectorItems.set(this.#items.size);
  }

  /** Forgets the items of a partition: they may be ahead of what is committed, or behind it. */
  forget(place: StatePlace): void {
    const prefix = keyOf(place, '');
    for (const [key, item] of this.#items) if (key.startsWith(prefix)) this.#remove(key, item);
    metrics.detectorItems.set(this.#items.size);
  }

  #remove(key: string, item: WatchedItem): void {
    this.#items.delete(key);
    this.#bytes -= item.bytes;
  }

  #restore(itemId: string, rule: DetectionRule, state: StoredState | undefined): WatchedItem {
    const { snapshot, inputs = [] } = state ?? {};
    const watch = snapshot ? ItemWatch.restore(rule, snapshot) : new ItemWatch(rule);
    let unsaved = 0;
    for (const moment of inputs.flatMap(decodeMoments)) {
      watch.observe(moment);
      unsaved += moment.channels.length;
    }
    if (snapshot) metrics.detectorRestores.inc();
    const item = { itemId, rule, watch, unsaved, uncommitted: 1, bytes: 0 };
    item.bytes = this.#sizes.get(sizeKey(item)) ?? CHANNEL_BYTES * Math.max(1, watch.width);
    return item;
  }
}

/** Another rule selects the item now. Its next state is a snapshot: what was shown before was shown by the old rule. */
function adopt(item: WatchedItem, rule: DetectionRule): void {
  item.watch = ItemWatch.restore(rule, item.watch.snapshot());
  item.rule = rule;
  item.unsaved = Number.POSITIVE_INFINITY;
}

function keyOf({ partition }: StatePlace, itemId: string): string {
  return `${partition}/${itemId}`;
}

function sizeKey({ rule, watch }: Pick<WatchedItem, 'rule' | 'watch'>): string {
  return `${rule.name}/${watch.width}`;
}
