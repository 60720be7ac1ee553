import { z } from 'zod';

import type { ForecastCommand, HierarchyCommand, ModelCommand } from './forecast-client.js';

const text = z.string().min(1);

const inlineSeries = z.strictObject({
  itemId: text,
  channel: text.optional(),
  freq: text,
  start: text,
  target: z.array(z.number().nullable()),
  timeZone: text.optional(),
  season: z.int().min(1).optional(),
});
const storedSeries = z.strictObject({ itemId: text, channel: text.optional() });

/** A command as it arrives over the internal API: its shape; what its values mean is checked by the service. */
export const forecastCommandSchema: z.ZodType<ForecastCommand> = z.strictObject({
  series: z.array(z.union([storedSeries, inlineSeries])),
  horizon: z.number(),
  model: text,
  asOf: text.optional(),
  traceparent: z.string().optional(),
  store: z.boolean(),
});

/** What the gateway asks to be done with model packages. */
export const modelCommandSchema: z.ZodType<ModelCommand> = z.union([
  z.strictObject({ action: z.enum(['load', 'unload']), name: text }),
  z.strictObject({ action: z.literal('scan') }),
]);

/** Which forecast to make again. */
export const replayCommandSchema = z.strictObject({ forecastId: z.guid() });

/** Which series to forecast so that they add up. */
export const hierarchyCommandSchema: z.ZodType<HierarchyCommand> = z.strictObject({
  by: z.array(text).min(1),
  channel: text,
  labels: z.record(z.string(), z.string()),
  method: z.enum(['bottom_up', 'min_trace']),
  horizon: z.number(),
  model: text,
  asOf: text.optional(),
});
