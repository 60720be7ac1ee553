import { z } from 'zod';

import { parseEntries } from './parse-entries.js';

const name = z.string().min(1);
const rows = z.number().int().min(0);

/** One set of the anomaly evaluation; the layout of docs/evaluation.md. Unknown keys (source, licence) are ignored. */
const anomalyEntrySchema = z.object({
  name,
  /** Wide CSV: every column but `time` and `label` is a channel. */
  file: name,
  time: name,
  /** Column of 0 and 1. */
  label: name,
  /** Shown to the detector before the evaluation, unlabelled: another file, or the first rows of this one. */
  train: z
    .discriminatedUnion('kind', [
      z.object({ kind: z.literal('file'), file: name }),
      z.object({ kind: z.literal('rows'), rows }),
    ])
    .optional(),
  /** First row that is scored; the rows after training by default. */
  evaluateFrom: rows.optional(),
  /** L of VUS; found in the first channel by default. */
  vusWindow: rows.optional(),
});

export type AnomalyEntry = z.infer<typeof anomalyEntrySchema>;

/**
 * Reads an anomaly manifest.
 *
 * @throws Error naming the set and the key that is wrong, all at once.
 */
export function parseAnomalyManifest(json: unknown): AnomalyEntry[] {
  return parseEntries(anomalyEntrySchema, json);
}
