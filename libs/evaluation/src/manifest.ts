import { Frequency } from '@app/series';
import { z } from 'zod';

const count = z.number().int().min(1);
const name = z.string().min(1);

const splitSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('last'), fraction: z.number().gt(0).lt(1) }),
  z.object({ kind: z.literal('borders'), train: count, validation: z.number().int().min(0), test: count }),
  z.object({ kind: z.literal('file'), test: name }),
]);

/** One set of the forecasting evaluation; the layout of docs/evaluation.md. Unknown keys (source, licence) are ignored. */
export const forecastingEntrySchema = z.object({
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
export type Split = ForecastingEntry['split'];

/**
 * Reads a forecasting manifest.
 *
 * @throws Error naming the set and the key that is wrong, all at once.
 */
export function parseForecastingManifest(json: unknown): ForecastingEntry[] {
  const result = z.array(forecastingEntrySchema).min(1, 'must list at least one set').safeParse(json);
  if (!result.success) {
    const entries = Array.isArray(json) ? (json as { name?: string }[]) : [];
    const lines = result.error.issues.map(({ path: [index, ...keys], message }) => {
      const label = typeof index === 'number' ? (entries[index]?.name ?? `entry ${index}`) : 'manifest';
      return `  ${label}: ${keys.length > 0 ? `${keys.join('.')} ` : ''}${message}`;
    });
    throw new Error(`the manifest is wrong:\n${lines.join('\n')}`);
  }
  const twice = result.data.find((entry, i) => result.data.findIndex((other) => other.name === entry.name) !== i);
  if (twice) throw new Error(`the manifest is wrong:\n  ${twice.name}: is listed twice`);
  return result.data;
}
