import { createHash } from 'node:crypto';

import { isPlainText } from '../declarations.js';

const MAX_LENGTH = 256;
const HASH_LENGTH = 16;
const MAX_LABELS = 64;

/** Labels of a series as its producer has them, by name. */
export type Labels = ReadonlyMap<string, string>;

/** `name{a="1",b="2"}` as Prometheus writes a series, sorted by label: the same series is the same text. */
export function seriesName(name: string, labels: Labels): string {
  if (labels.size === 0) return name;
  const parts = sorted(labels).map(([label, value]) => `${label}="${escaped(value)}"`);
  return `${name}{${parts.join(',')}}`;
}

/** `name,a=1,b=2` as InfluxDB writes the key of a series, escaped and sorted as there. */
export function seriesKey(measurement: string, tags: Labels): string {
  const parts = sorted(tags).map(([tag, value]) => `,${escapedTag(tag)}=${escapedTag(value)}`);
  return measurement.replaceAll(/[, ]/g, String.raw`\$&`) + parts.join('');
}

/**
 * A generated name that fits: one of more than 256 characters is cut, and ends in `~` and a hash of the whole, so that
 * two series never become one.
 */
export function fitting(name: string): string {
  if (name.length <= MAX_LENGTH) return name;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, HASH_LENGTH);
  // Never half of a character that takes two code units.
  const head = name.slice(0, MAX_LENGTH - HASH_LENGTH - 1).replace(/[\uD800-\uDBFF]$/, '');
  return `${head}~${hash}`;
}

/** What of the labels a series can keep: the first 64 by name whose texts fit; undefined when that is none. */
export function keptLabels(labels: Labels): Record<string, string> | undefined {
  const kept = sorted(labels)
    .filter(([name, value]) => isPlainText(name) && isPlainText(value))
    .slice(0, MAX_LABELS);
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}

function sorted(labels: Labels): [string, string][] {
  return [...labels].sort(([a], [b]) => (a < b ? -1 : Number(a > b)));
}

function escaped(value: string): string {
  return value.replaceAll(/[\\"]/g, String.raw`\$&`).replaceAll('\n', String.raw`\n`);
}

function escapedTag(text: string): string {
  return text.replaceAll(/[,= ]/g, String.raw`\$&`);
}
