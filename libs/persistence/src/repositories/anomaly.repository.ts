import type { EntityManager } from 'typeorm';

import { float8Array, textArray, timestamptzArray } from '../pg-arrays.js';

export type AnomalyLabel = 'true-positive' | 'false-positive';

/** An anomaly to store. Times in epoch milliseconds. */
export interface NewAnomaly {
  /** The same for the same point, so that a stream that is read again adds nothing. */
  readonly anomalyId: string;
  readonly itemId: string;
  readonly channel: string | null;
  readonly ts: number;
  readonly value: number | null;
  readonly expected: number | null;
  readonly score: number;
  readonly grade: number;
  readonly severity: number;
  readonly confidence: number;
  readonly eventFrom: number;
  readonly rule: string;
  readonly alert: boolean;
  readonly suppressedBy: string | null;
  readonly explanation: object;
}

/** A label that no detector has heard of before. */
export interface WaitingLabel {
  readonly labelId: number;
  readonly itemId: string;
  readonly label: AnomalyLabel;
}

/** Stores anomalies in the caller's transaction. @returns the ids of those that were not there before. */
export async function storeAnomalies(
  manager: EntityManager,
  anomalies: readonly NewAnomaly[],
  detectedAt: Date,
): Promise<Set<string>> {
  if (anomalies.length === 0) return new Set();
  const text = (value: (anomaly: NewAnomaly) => string | null) => textArray(anomalies.map(value));
  const number = (value: (anomaly: NewAnomaly) => number) => float8Array(anomalies.map(value));
  const optional = (value: number | null) => (value === null ? null : String(value));
  const rows = await manager.query<{ anomaly_id: string }[]>(
    `INSERT INTO anomalies (anomaly_id, item_id, channel, ts, value, expected, score, grade, severity, confidence,
                            event_from, rule, alert, suppressed_by, explanation, detected_at)
     SELECT anomaly_id::uuid, item_id, channel, ts, value::float8, expected::float8, score, grade, severity, confidence,
            event_from, rule, alert = 'true', suppressed_by, explanation::jsonb, $16
       FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::text[], $7::float8[], $8::float8[],
                   $9::float8[], $10::float8[], $11::timestamptz[], $12::text[], $13::text[], $14::text[], $15::text[])
         AS a (anomaly_id, item_id, channel, ts, value, expected, score, grade, severity, confidence, event_from, rule,
               alert, suppressed_by, explanation)
     ON CONFLICT (anomaly_id) DO NOTHING
     RETURNING anomaly_id`,
    [
      text(({ anomalyId }) => anomalyId),
      text(({ itemId }) => itemId),
      text(({ channel }) => channel),
      timestamptzArray(anomalies.map(({ ts }) => ts)),
      text(({ value }) => optional(value)),
      text(({ expected }) => optional(expected)),
      number(({ score }) => score),
      number(({ grade }) => grade),
      number(({ severity }) => severity),
      number(({ confidence }) => confidence),
      timestamptzArray(anomalies.map(({ eventFrom }) => eventFrom)),
      text(({ rule }) => rule),
      text(({ alert }) => String(alert)),
      text(({ suppressedBy }) => suppressedBy),
      text(({ explanation }) => JSON.stringify(explanation)),
      detectedAt,
    ],
  );
  return new Set(rows.map(({ anomaly_id }) => anomaly_id));
}

/**
 * Takes the labels of these items that have not been applied, in the order in which they were given, and marks them as
 * applied to the records from `offset` on: a label counts once, in the transaction that it changes.
 */
export async function takeLabels(
  manager: EntityManager,
  itemIds: readonly string[],
  at: Date,
  offset: number,
): Promise<WaitingLabel[]> {
  const [rows] = await manager.query<[{ label_id: string; item_id: string; label: AnomalyLabel }[], number]>(
    `UPDATE anomaly_labels l SET applied_at = $2, applied_offset = $3
       FROM anomalies a
      WHERE l.applied_at IS NULL AND a.anomaly_id = l.anomaly_id AND a.item_id = ANY ($1::text[])
     RETURNING l.label_id, a.item_id, l.label`,
    [textArray(itemIds), at, offset],
  );
  return rows
    .map(({ label_id, item_id, label }) => ({ labelId: Number(label_id), itemId: item_id, label }))
    .toSorted((a, b) => a.labelId - b.labelId);
}
