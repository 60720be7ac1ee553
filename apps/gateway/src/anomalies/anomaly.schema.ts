import { z } from 'zod';
import { cursor, instant, limit } from '../request-values.js';

const MOST_NOTE = 2_000;

/** The id of an anomaly in a path. */
export const anomalyId = z.guid('must be the id of an anomaly, such as 2f0c1a52-9d3e-8b11-a4c7-5d0e6f7a8b90');

/** Query of `GET /anomalies`. */
export const anomaliesQuery = z.strictObject({
  item_id: z.string().min(1).optional().describe('Only anomalies of this item.'),
  from: instant.optional().describe('First time, included.'),
  to: instant.optional().describe('End of the times, excluded.'),
  alert: z.enum(['true', 'false']).optional().describe('Only those that somebody was told of, or only the others.'),
  limit: limit(100, 1_000),
  cursor,
});
export type AnomaliesQuery = z.output<typeof anomaliesQuery>;

/** Body of `POST /anomalies/{anomaly_id}/label`. */
export const labelRequest = z
  .strictObject({
    label: z.enum(['true-positive', 'false-positive']).describe('What it was.'),
    note: z.string().max(MOST_NOTE).optional().describe('Why, for whoever reads it later.'),
  })
  .meta({ examples: [{ label: 'false-positive', note: 'planned maintenance' }] });
export type LabelRequest = z.output<typeof labelRequest>;

const labelView = z.object({
  label: z.enum(['true-positive', 'false-positive']),
  note: z.string().nullable(),
  created_at: z.string(),
  applied_at: z.string().nullable().describe('When the detector took it into account; null while it waits.'),
});
const anomalyView = z.object({
  anomaly_id: z.string(),
  item_id: z.string(),
  channel: z.string().nullable().describe('Null where the channels of the item were judged together.'),
  ts: z.string(),
  value: z.number().nullable(),
  expected: z.number().nullable(),
  score: z.number().describe('Above 1.'),
  grade: z.number().describe('0 to 1: 1 − 1/score.'),
  severity: z.number().describe('Smoothed: how anomalous these times are.'),
  confidence: z.number().describe('0 to 1: how much of the series the verdict rests on.'),
  event_from: z.string().describe('First point of the event that this one is part of.'),
  alert: z.boolean().describe('Whether somebody was told: once an event, within the budget.'),
  suppressed_by: z.string().nullable().describe('The rule that kept it from being told, or budget.'),
  rule: z.string(),
  explanation: z
    .record(z.string(), z.unknown())
    .describe('Detectors with their votes, channels, forecast, data quality.'),
  label: z.enum(['true-positive', 'false-positive']).nullable(),
  detected_at: z.string(),
});
export type AnomalyView = z.output<typeof anomalyView>;
const labelledView = anomalyView.extend({ labels: z.array(labelView).describe('Every label given, oldest first.') });
export type LabelledAnomalyView = z.output<typeof labelledView>;

const anomaly: AnomalyView = {
  anomaly_id: '2f0c1a52-9d3e-8b11-a4c7-5d0e6f7a8b90',
  item_id: 'pump-7',
  channel: 'flow',
  ts: '2026-01-08T12:00:00.000Z',
  value: 9.7,
  expected: 1.31,
  score: 1.42,
  grade: 0.296,
  severity: 0.61,
  confidence: 0.84,
  event_from: '2026-01-08T12:00:00.000Z',
  alert: true,
  suppressed_by: null,
  rule: 'default',
  explanation: {
    detectors: [{ name: 'channel', score: 1.42, strength: 1.42, severity: 0.61, votes: { window: 3.1, drift: 2.8 } }],
    channels: [
      {
        channel: 'flow',
        value: 9.7,
        expected: 1.31,
        interval: { lower: 1.12, upper: 1.52, by: 'forecast' },
        look_alike: { ts: '2026-01-07T12:00:00.000Z', rms: 2.4 },
      },
    ],
    quality: [],
  },
  label: null,
  detected_at: '2026-01-08T12:00:00.412Z',
};

export const anomalyExample = labelledView.meta({ examples: [{ ...anomaly, labels: [] }] });
export const anomaliesPage = z
  .object({ anomalies: z.array(anomalyView), next_cursor: z.string().nullable() })
  .meta({ examples: [{ anomalies: [anomaly], next_cursor: null }] });
export type AnomaliesPage = z.output<typeof anomaliesPage>;
