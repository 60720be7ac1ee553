import { labelsOf, METRIC_NAME, type Labels } from '@app/promql';

/** Metric of the observations of all series that have no Prometheus name of their own. */
export const OBSERVATION = 'tidecast_observation';

/** Labels that Tidecast sets itself; a label of a series by one of these names is told as `exported_…`. */
const OWN = new Set(['item_id', 'channel', 'model', 'quantile', 'coverage', 'lead_bucket', METRIC_NAME]);

/** What names a series. */
export interface NamedSeries {
  readonly item_id: string;
  readonly channel: string | null;
  readonly labels: Readonly<Record<string, string>> | null;
}

/**
 * The labels of a series that comes from Prometheus: its item is called `up{instance="a",job="b"}` and its only channel is
 * `value`. It is shown as it was sent, by its own name. Undefined for any other series.
 */
export function prometheusLabels({ item_id, channel, labels }: NamedSeries): Labels | undefined {
  const name = /^([A-Za-z_:][\w:]*)\{/.exec(item_id)?.[1];
  if (name === undefined || channel !== 'value') return undefined;
  // A name that was too long was cut, and so may labels be: then the item keeps such series apart.
  const cut = /~[\da-f]{16}$/.test(item_id) ? [['item_id', item_id] as const] : [];
  return labelsOf([[METRIC_NAME, name], ...cut, ...sanitised(labels)]);
}

/** Labels of a series under a metric of Tidecast: its item, its channel, and its labels by names that Prometheus takes. */
export function tidecastLabels(
  metric: string,
  { item_id, channel, labels }: NamedSeries,
  own: Record<string, string> = {},
) {
  const named = Object.entries({ [METRIC_NAME]: metric, item_id, ...(channel !== null && { channel }), ...own });
  return labelsOf([...named, ...sanitised(labels)]);
}

/** Whatever is no letter, digit or underscore becomes an underscore; of two labels that become one the first stays. */
function sanitised(labels: NamedSeries['labels']): [string, string][] {
  const kept = new Map<string, string>();
  for (const [name, value] of Object.entries(labels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const legal = name.replaceAll(/\W/g, '_').replace(/^(?=\d)/, '_');
    const free = OWN.has(legal) || legal.startsWith('__') ? `exported_${legal}` : legal;
    if (!kept.has(free)) kept.set(free, value);
  }
  return [...kept];
}

/** Label names that stand for a label of a series as it is stored, and so can be looked for in the database. */
export function isStoredLabel(name: string): boolean {
  return !OWN.has(name) && !name.startsWith('_') && !name.startsWith('exported_');
}
