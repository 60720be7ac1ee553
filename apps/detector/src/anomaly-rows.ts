import { createHash } from 'node:crypto';

import type { NewAnomaly } from '@app/persistence';

import type { AlertDecision } from './alert-ledger.js';
import type { Anomaly } from './watch/item-watch.js';

/** The row of an anomaly. */
export function anomalyRow(
  itemId: string,
  rule: string,
  anomaly: Anomaly,
  decision: AlertDecision | undefined,
): NewAnomaly {
  const { ts, channel, score, grade, severity, confidence, eventFrom, subject, suppressedBy, explanation } = anomaly;
  return {
    anomalyId: anomalyIdOf(itemId, channel, ts),
    itemId,
    channel: channel ?? null,
    ts,
    value: channel === undefined ? null : subject.value,
    expected: channel === undefined ? null : (subject.expected ?? null),
    score,
    grade,
    severity,
    confidence,
    eventFrom,
    rule,
    alert: decision === 'told',
    suppressedBy: suppressedBy ?? (decision === 'budget' ? 'budget' : null),
    explanation,
  };
}

/** An anomaly as it leaves for the topic and for webhooks. */
export function anomalyJson(row: NewAnomaly): string {
  return JSON.stringify({
    anomaly_id: row.anomalyId,
    item_id: row.itemId,
    channel: row.channel,
    ts: new Date(row.ts).toISOString(),
    value: row.value,
    expected: row.expected,
    score: row.score,
    grade: row.grade,
    severity: row.severity,
    confidence: row.confidence,
    event_from: new Date(row.eventFrom).toISOString(),
    alert: row.alert,
    suppressed_by: row.suppressedBy,
    rule: row.rule,
    explanation: row.explanation,
  });
}

/** The same for the same point, so that a stream that is read again finds its anomalies there (UUID of version 8). */
export function anomalyIdOf(itemId: string, channel: string | undefined, ts: number): string {
  const hash = createHash('sha256')
    .update(`${itemId}\0${channel ?? ''}\0${ts}`)
    .digest();
  hash[6] = (hash[6]! & 0x0f) | 0x80;
  hash[8] = (hash[8]! & 0x3f) | 0x80;
  const hex = hash.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
}
