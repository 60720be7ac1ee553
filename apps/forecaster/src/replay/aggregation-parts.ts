import { z } from 'zod';

import type { SkillVersions } from './replay.repository.js';

const source = z.object({ from: z.string(), version: z.int().optional() });
const weights = source.extend({ group: z.int().optional() });
const schema = z.object({
  /** Share of each model. */
  models: z.record(z.string(), z.number()),
  weights,
  calibration: source,
  champion: z.object({ model: z.string(), version: z.int() }).optional(),
  /** Of each package that was heard. */
  sha256: z.record(z.string(), z.string()),
});

/** What `parts.aggregation` of a forecast says, made of many models; undefined for one that is not. */
export type AggregationParts = z.output<typeof schema>;

/** Reads what a forecast was put together from. */
export function aggregationOf(parts: Readonly<Record<string, unknown>>): AggregationParts | undefined {
  return schema.safeParse(parts.aggregation).data;
}

/** The versions of what the scorecard had taught that went in. */
export function versionsOf({ weights, calibration, champion }: AggregationParts): SkillVersions {
  return {
    weights: weights.version,
    group: weights.group,
    calibration: calibration.version,
    champion: champion?.version,
  };
}
