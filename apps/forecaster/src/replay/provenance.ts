import { createHash } from 'node:crypto';
import type { ContextWindow } from '@app/series';
import { z } from 'zod';

import type { ContextSource } from '../series-context.js';

const sha256 = z.string().regex(/^[\da-f]{64}$/);

/** What a stored forecast remembers of its window, in `parts.context`: enough to find the window again, and to know it. */
export const provenanceSchema = z.object({
  sha256,
  /** Grid points of the window. */
  points: z.int().min(1),
  season: z.int().min(1),
  /** Milliseconds; see `ContextSource`. */
  knownAt: z.number(),
  newest: z.number(),
  /** What was asked for: `auto`, or a name. */
  asked: z.string(),
  /** Of the windows of further channels that the model saw. */
  beside: sha256.optional(),
});
export type Provenance = z.output<typeof provenanceSchema>;

/** What is remembered of a window. @param beside windows of further channels that the model saw. */
export function provenanceOf(
  window: ContextWindow,
  source: ContextSource,
  asked: string,
  beside: readonly ContextWindow[],
): Provenance {
  return {
    sha256: windowHash(window),
    points: window.target.length,
    season: window.season,
    ...source,
    asked,
    ...(beside.length === 0 ? {} : { beside: besideHash(beside) }),
  };
}

/** SHA-256 of several windows, in whatever order they come. */
export function besideHash(windows: readonly ContextWindow[]): string {
  const hashes = windows.map((window) => [window.channel, windowHash(window)].join(' ')).sort();
  return createHash('sha256').update(JSON.stringify(hashes)).digest('hex');
}

const known = new WeakMap<ContextWindow, string>();

/** SHA-256 of everything that a model sees of a window: its grid, season and values, gaps included. */
export function windowHash(window: ContextWindow): string {
  // Channels that are forecast together have each other's hash.
  const hash = known.get(window) ?? hashOf(window);
  known.set(window, hash);
  return hash;
}

function hashOf({ freq, timeZone, season, cutoff, target }: ContextWindow): string {
  // A NaN has many bit patterns; this writes one.
  const values = Float64Array.from(target, (value) => (Number.isNaN(value) ? Number.NaN : value));
  return createHash('sha256')
    .update(JSON.stringify([freq.toString(), timeZone, season, cutoff]))
    .update(new Uint8Array(values.buffer))
    .digest('hex');
}
