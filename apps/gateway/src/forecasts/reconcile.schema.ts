import { z } from 'zod';
import { instant } from '../request-values.js';
import { coverage, levels } from './forecast.schema.js';

const MOST_DEPTH = 8;
const label = z.string().min(1).max(200);

/** Body of `POST /forecasts/reconciled`. */
export const reconcileRequest = z.strictObject({
  hierarchy: z.strictObject({
    by: z
      .array(label)
      .min(1)
      .max(MOST_DEPTH)
      .refine((names) => new Set(names).size === names.length, 'names a label twice')
      .describe('Labels from the top down; series that share their values add up.'),
    channel: z.string().min(1).describe('The channel that adds up.'),
    labels: z.record(label, z.string()).default({}).describe('Only series with these labels.'),
  }),
  method: z
    .enum(['min_trace', 'bottom_up'])
    .default('min_trace')
    .describe(
      'min_trace: MinT with shrinkage, from the forecasts of all sums and series; bottom_up: from the series alone.',
    ),
  horizon: z.int().min(1).describe('Steps ahead.'),
  levels,
  coverage,
  model: z.string().min(1).default('auto').describe('A name that GET /models lists, or auto.'),
  as_of: instant.optional().describe('Forecast with what was known at this time; now when absent.'),
});
export type ReconcileRequest = z.output<typeof reconcileRequest>;

/** Bodies to start from, in OpenAPI. */
export const reconcileRequestExamples = {
  sites: {
    summary: 'Load of sites in regions',
    value: { hierarchy: { by: ['region', 'site'], channel: 'load' }, horizon: 24, coverage: 0.8 },
  },
};

const node = z.object({
  path: z.record(z.string(), z.string()).describe('Values of the labels, from the first on; empty for the total.'),
  item_id: z.string().nullable().describe('Of a series; null for a sum.'),
  leaves: z.int().describe('Series below it, itself included.'),
  model: z.string().describe('What made its forecast before it was reconciled.'),
  mean: z.array(z.number()).describe('One value a step. Means add up.'),
  quantiles: z.record(z.string(), z.array(z.number())).describe('By level: one value a step. They do not add up.'),
});

const grid = {
  method: 'min_trace' as const,
  cutoff: '2026-01-08T12:00:00.000Z',
  freq: 'PT1H',
  time_zone: 'UTC',
  start: '2026-01-08T13:00:00.000Z',
  ts: ['2026-01-08T13:00:00.000Z'],
  levels: [0.1, 0.9],
  errors: { source: 'back-test' as const, count: 192, shrinkage: 0.08 },
  non_negative: true,
};
const part = (path: Record<string, string>, item_id: string | null, leaves: number, mean: number, spread: number) => ({
  path,
  item_id,
  leaves,
  model: 'ttm/base',
  mean: [mean],
  quantiles: { '0.1': [mean - spread], '0.9': [mean + spread] },
});

export const reconcileAnswer = z
  .object({
    method: z.enum(['min_trace', 'bottom_up']),
    cutoff: z.string().describe('Newest time at which every series has a point.'),
    freq: z.string(),
    time_zone: z.string(),
    start: z.string(),
    ts: z.array(z.string()).describe('Time of each step.'),
    levels: z.array(z.number()),
    errors: z
      .object({ source: z.enum(['back-test', 'seasonal-naive', 'none']), count: z.int(), shrinkage: z.number() })
      .describe(
        'Past errors that tell how series go together: where from, how many, how far correlations were shrunk.',
      ),
    non_negative: z.boolean().describe('No series was ever below zero, so no forecast is.'),
    nodes: z.array(node).describe('The total, the sums below it, and the series.'),
  })
  .meta({
    examples: [
      {
        ...grid,
        nodes: [
          part({}, null, 2, 30, 4),
          part({ region: 'north' }, null, 2, 30, 4),
          part({ region: 'north', site: 'a' }, null, 1, 10, 2),
          part({ region: 'north', site: 'b' }, null, 1, 20, 3),
          part({ region: 'north', site: 'a' }, 'meter-1', 1, 10, 2),
          part({ region: 'north', site: 'b' }, 'meter-2', 1, 20, 3),
        ],
      },
    ],
  });
export type ReconcileAnswer = z.output<typeof reconcileAnswer>;
