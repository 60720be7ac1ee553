import { metrics } from '@app/observability';
import {
  storeAnomalies,
  storeInOutbox,
  takeLabels,
  type DetectorStateRepository,
  type NewAnomaly,
  type StatePlace,
  type WebhookDeliveryRepository,
} from '@app/persistence';
import { commitOffset, type PartitionRef } from '@app/streaming';
import type { DataSource, EntityManager } from 'typeorm';

import { AlertLedger, type AlertDecision } from './alert-ledger.js';
import { anomalyJson, anomalyRow } from './anomaly-rows.js';
import type { DetectionRule } from './detection-rules.js';
import type { Anomaly } from './watch/item-watch.js';

/** What the writer works with. */
export interface WriterDependencies {
  readonly dataSource: DataSource;
  readonly states: DetectorStateRepository;
  readonly deliveries: WebhookDeliveryRepository;
  readonly anomaliesTopic: string;
}

/** What came of a chunk: the content of one transaction. */
export interface Detections {
  readonly nextOffset: number;
  /** Each item that was shown something: the time of the first moment, and its rule. */
  readonly items: ReadonlyMap<string, { readonly ts: number; readonly rule: DetectionRule }>;
  /** In the order of the log. */
  readonly anomalies: readonly { readonly itemId: string; readonly anomaly: Anomaly }[];
  /** What items were shown, for those that get no snapshot. */
  readonly inputs: readonly (readonly [itemId: string, points: string])[];
  readonly snapshots: readonly (readonly [itemId: string, snapshot: Uint8Array])[];
}

/** A ledger under its lock. */
interface OpenLedger {
  readonly ledger: AlertLedger;
  readonly place: StatePlace;
  readonly owner: string;
  readonly kind: string;
}

/** Partition of what all partitions share. */
const ALL_PARTITIONS = -1;

/** Writes what came of a chunk: anomalies, states, alerts on their way out and the next offset, in one transaction. */
export class DetectionWriter {
  constructor(private readonly deps: WriterDependencies) {}

  /**
   * Commits, or throws and leaves nothing behind.
   *
   * @returns how many alerts were told.
   * @throws FencedError when the stored offset is not `expected`.
   */
  async write(detections: Detections, ref: PartitionRef, expected: number, now: Date): Promise<number> {
    const endTimer = metrics.detectorTransactionSeconds.startTimer();
    const stored = await this.deps.dataSource.transaction('READ COMMITTED', async (manager) => {
      // First, as it locks: a member that lost the partition is refused before it writes anything.
      await commitOffset(manager, ref, expected, detections.nextOffset);
      const rows = await this.#decide(manager, detections, ref, expected, now);
      const fresh = await storeAnomalies(manager, rows, now);
      const stored = rows.filter(({ anomalyId }) => fresh.delete(anomalyId));
      await this.#send(manager, stored);
      await this.deps.states.appendInputs(manager, ref, expected, detections.inputs);
      await this.deps.states.saveSnapshots(manager, ref, detections.snapshots);
      return stored;
    });
    endTimer();
    const alerts = stored.filter(({ alert }) => alert).length;
    metrics.anomalies.inc(stored.length);
    metrics.alerts.inc(alerts);
    return alerts;
  }

  /** Applies the labels that wait, and asks the budgets in the order of the log. */
  async #decide(
    manager: EntityManager,
    { items, anomalies }: Detections,
    ref: PartitionRef,
    offset: number,
    now: Date,
  ): Promise<NewAnomaly[]> {
    const labels = await takeLabels(manager, [...items.keys()], now, offset);
    const candidates = anomalies.filter(({ anomaly }) => anomaly.suppressedBy === undefined);
    const concerned = new Set([...labels, ...candidates].map(({ itemId }) => itemId));
    const ruleOf = (itemId: string) => items.get(itemId)!.rule;
    const ledgers = await this.#open(manager, ref, new Map([...concerned].map((itemId) => [itemId, ruleOf(itemId)])));
    const ledgerOf = (itemId: string) => ledgers.get(ledgerKey(itemId, ruleOf(itemId)))!.ledger;
    for (const { itemId, label } of labels) ledgerOf(itemId).label(label === 'true-positive', items.get(itemId)!.ts);
    const rows = anomalies.map(({ itemId, anomaly }) => {
      const decision: AlertDecision | undefined = anomaly.suppressedBy
        ? undefined
        : ledgerOf(itemId).decide({ itemId, ...anomaly });
      return anomalyRow(itemId, ruleOf(itemId).name, anomaly, decision);
    });
    for (const { ledger, place, owner, kind } of ledgers.values()) {
      await this.deps.states.save(manager, place, owner, kind, ledger.snapshot());
    }
    return rows;
  }

  /** The ledgers of these items, locked in one order by all, so that partitions never wait for each other in a circle. */
  async #open(
    manager: EntityManager,
    ref: PartitionRef,
    rules: ReadonlyMap<string, DetectionRule>,
  ): Promise<Map<string, OpenLedger>> {
    const keys = new Map([...rules].map(([itemId, rule]) => [ledgerKey(itemId, rule), itemId]));
    const opened = new Map<string, OpenLedger>();
    for (const key of [...keys.keys()].toSorted()) {
      const itemId = keys.get(key)!;
      const { name, budget } = rules.get(itemId)!;
      const shared = budget.over === 'selector';
      const place = shared ? { ...ref, partition: ALL_PARTITIONS } : ref;
      const [owner, kind] = shared ? [name, 'selector-budget'] : [itemId, 'budget'];
      const ledger = AlertLedger.restore(budget, await this.deps.states.lock(manager, place, owner, kind));
      opened.set(key, { ledger, place, owner, kind });
    }
    return opened;
  }

  /** What nobody wants to hear of stays in the table; what is over the budget goes to the topic, where it says so. */
  async #send(manager: EntityManager, stored: readonly NewAnomaly[]): Promise<void> {
    const leaving = stored.filter(({ suppressedBy }) => suppressedBy === null || suppressedBy === 'budget');
    if (leaving.length === 0) return;
    const bodies = new Map(leaving.map((row) => [row, anomalyJson(row)]));
    await storeInOutbox(
      manager,
      leaving.map((row) => ({
        topic: this.deps.anomaliesTopic,
        key: row.itemId,
        value: Buffer.from(bodies.get(row)!, 'utf8'),
        headers: { 'anomaly-id': row.anomalyId, alert: String(row.alert) },
      })),
    );
    await this.deps.deliveries.enqueue(
      manager,
      leaving
        .filter(({ alert }) => alert)
        .map((row) => ({ anomalyId: row.anomalyId, itemId: row.itemId, body: bodies.get(row)! })),
    );
  }
}

function ledgerKey(itemId: string, { name, budget }: DetectionRule): string {
  return budget.over === 'selector' ? `selector/${name}` : `item/${itemId}`;
}
