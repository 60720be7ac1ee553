/** Label that holds the name of the metric. */
export const METRIC_NAME = '__name__';

/** Names and values of the labels of one series, in ascending order of the names; a label without a value is not there. */
export type Labels = ReadonlyMap<string, string>;

/** Labels in order, without empty ones. */
export function labelsOf(entries: Iterable<readonly [string, string]>): Labels {
  const kept = [...entries].filter(([, value]) => value !== '');
  return new Map(kept.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Text that two sets of labels share only when they are equal; ascending texts are ascending labels. */
export function signature(labels: Labels): string {
  let text = '';
  for (const [name, value] of labels) text += `${name}\u0000${value}\u0001`;
  return text;
}

/** The labels with these names only. */
export function keep(labels: Labels, names: ReadonlySet<string>): Labels {
  return new Map([...labels].filter(([name]) => names.has(name)));
}

/** The labels without those of these names. */
export function without(labels: Labels, ...names: readonly string[]): Labels {
  if (!names.some((name) => labels.has(name))) return labels;
  return new Map([...labels].filter(([name]) => !names.includes(name)));
}

/** The labels with one set anew; an empty value takes it away. */
export function withLabel(labels: Labels, name: string, value: string): Labels {
  return labelsOf([...without(labels, name), [name, value]]);
}

/** As Prometheus shows them in messages: `{__name__="flow", site="north"}`. */
export function showLabels(labels: Labels): string {
  return `{${[...labels].map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(', ')}}`;
}
