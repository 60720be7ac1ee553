import { Frequency } from '@app/series';
import { z } from 'zod';

import { parseEntries } from './parse-entries.js';

const count = z.number().int().min(1);
const name = z.string().min(1);

const splitSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('last'), fraction: z.number().gt(0).lt(1) }),
  z.object({ kind: z.literal('borders'), train: count, validation: z.number().int().min(0), test: count }),
  z.object({ kind: z.literal('file'), test: name }),
]);

/** One set of the forecasting evaluation; the layout of docs/evaluation.md. Unknown keys (source, licence) are ignored. */
const forecastingEntrySchema = z.object({
  name,
  file: name,
  layout: z.enum(['wide', 'long', 'rows']),
  time: name.optional(),
  freq: z.string().refine((text) => Frequency.parse(text) !== undefined, 'must be an ISO-8601 duration such as PT1H'),
  seasonality: count,
  seasonalities: z.array(count).optional(),
  predictionLength: count,
  split: splitSchema,
  stride: count.default(1),
  standardise: z.enum(['train', 'none']).default('none'),
  multivariate: z.boolean().default(false),
  contextLimit: count.default(512),
});

export type ForecastingEntry = z.infer<typeof forecastingEntrySchema>;

/**
 * Reads a forecasting manifest.
 *
 * @throws Error naming the set and the key that is wrong, all at once.
 */
export function parseForecastingManifest(json: unknown): ForecastingEntry[] {
  return parseEntries(forecastingEntrySchema, json);
}
