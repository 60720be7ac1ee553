import { z } from 'zod';
import { cursor, instant, limit } from '../request-values.js';

const MOST_LABELS = 64;
const LABEL_PREFIX = 'label.';
const MOST_SEARCH = 256;
const NAMED = new Set(['item_id', 'search', 'limit', 'cursor']);

/** Query of `GET /series`; every other key must be a label. */
export const seriesQuery = z
  .object({
    item_id: z.string().optional().describe('Only channels of this item.'),
    search: z
      .string()
      .max(MOST_SEARCH)
      .optional()
      .describe('Only series with this text, in any case, in their item, channel or labels.'),
    limit: limit(100, 1_000),
    cursor,
  })
  .catchall(z.string())
  .superRefine((query, context) => {
    for (const key of Object.keys(query)) {
      if (NAMED.has(key) || (key.startsWith(LABEL_PREFIX) && key.length > LABEL_PREFIX.length)) continue;
      context.addIssue({ code: 'custom', path: [key], message: 'is no parameter; labels are written label.<key>' });
    }
  });
export type SeriesQuery = z.output<typeof seriesQuery>;

/** The labels that a query asks for. */
export function labelsOf(query: SeriesQuery): Record<string, string> {
  const labels = Object.entries(query).filter(([key]) => key.startsWith(LABEL_PREFIX));
  return Object.fromEntries(labels.map(([key, value]) => [key.slice(LABEL_PREFIX.length), String(value)]));
}

/** Query of `GET /series/{item_id}/{channel}/observations`. */
export const observationsQuery = z.strictObject({
  from: instant.optional().describe('First time, included.'),
  to: instant.optional().describe('End of the times, excluded.'),
  as_of: instant.optional().describe('Answer with what was known at this time; with what is known now when absent.'),
  max_points: z.coerce
    .number()
    .int()
    .min(2)
    .max(10_000)
    .optional()
    .describe(
      'Thin a long stretch out to at most so many points, for a chart: the lowest and the highest of equal stretches of time. Without pages.',
    ),
  limit: limit(1_000, 10_000),
  cursor,
});
export type ObservationsQuery = z.output<typeof observationsQuery>;

/** Body of `PATCH /series/{item_id}/{channel}`: what is left out stays. */
export const seriesPatch = z
  .strictObject({
    freq: z.string().nullable().optional().describe('ISO-8601 duration between points; null to have it inferred.'),
    season: z
      .int()
      .min(1)
      .max(100_000)
      .nullable()
      .optional()
      .describe('Points in the main season, 1 for none; null to have it inferred.'),
    time_zone: z.string().optional().describe('IANA zone in which days, weeks and months are counted.'),
    unit: z.string().max(200).nullable().optional().describe('Unit of the values, for people.'),
    labels: z
      .record(z.string().min(1).max(200), z.string().max(1_000).nullable())
      .refine((labels) => Object.keys(labels).length <= MOST_LABELS, `at most ${MOST_LABELS} labels`)
      .optional()
      .describe('Added to the labels that are there; null removes one.'),
  })
  .refine((patch) => Object.keys(patch).length > 0, 'nothing to change: name at least one field')
  .meta({ examples: [{ freq: 'PT1H', time_zone: 'Europe/Berlin', unit: 'm³/h', labels: { site: 'north' } }] });
export type SeriesPatch = z.output<typeof seriesPatch>;

/** One series as clients see it. */
export const seriesView = z.object({
  item_id: z.string(),
  channel: z.string(),
  freq: z.string().nullable().describe('ISO-8601 duration between points; null until known.'),
  freq_declared: z.boolean().describe('Declared by a client, not inferred.'),
  season: z.int().nullable().describe('Points in the main season; 1 for none; null until known.'),
  season_declared: z.boolean(),
  time_zone: z.string(),
  unit: z.string().nullable(),
  labels: z.record(z.string(), z.string()),
  last_ts: z.string().nullable().describe('Time of the newest point.'),
  created_at: z.string(),
});
export type SeriesView = z.output<typeof seriesView>;

const series: SeriesView = {
  item_id: 'pump-7',
  channel: 'flow',
  freq: 'PT1H',
  freq_declared: false,
  season: 24,
  season_declared: false,
  time_zone: 'UTC',
  unit: 'm³/h',
  labels: { site: 'north' },
  last_ts: '2026-01-08T12:00:00.000Z',
  created_at: '2026-01-01T00:00:04.211Z',
};

export const seriesExample = seriesView.meta({ examples: [series] });
export const seriesPage = z
  .object({ series: z.array(seriesView), next_cursor: z.string().nullable() })
  .meta({ examples: [{ series: [series], next_cursor: null }] });
export type SeriesPage = z.output<typeof seriesPage>;

export const observationView = z.object({
  ts: z.string(),
  value: z.number(),
  known_at: z.string().optional().describe('When this value became known; absent with max_points.'),
  flags: z
    .array(z.enum(['imputed', 'late', 'revised']))
    .optional()
    .describe('Absent with as_of and with max_points.'),
});
export const observationsPage = z
  .object({
    item_id: z.string(),
    channel: z.string(),
    observations: z.array(observationView),
    thinned: z
      .object({
        method: z.literal('min-max'),
        points: z.int().describe('Points that there are.'),
        stretch_seconds: z.number().describe('Length of the stretches of which the lowest and the highest are given.'),
      })
      .optional()
      .describe('Where max_points left points out.'),
    next_cursor: z.string().nullable(),
  })
  .meta({
    examples: [
      {
        item_id: 'pump-7',
        channel: 'flow',
        observations: [{ ts: '2026-01-01T00:00:00.000Z', value: 1.2, known_at: '2026-01-01T00:00:04.211Z', flags: [] }],
        next_cursor: null,
      },
    ],
  });
export type ObservationsPage = z.output<typeof observationsPage>;
