import { formatValue, signature, type Grid, type Labels, type Samples, type Value } from '@app/promql';

type Sample = readonly [seconds: number, value: string];
type Metric = Readonly<Record<string, string>>;

/** `data` of the answer to a query. */
export type QueryData =
  | { readonly resultType: 'scalar' | 'string'; readonly result: Sample }
  | { readonly resultType: 'vector'; readonly result: readonly { metric: Metric; value: Sample }[] }
  | { readonly resultType: 'matrix'; readonly result: readonly { metric: Metric; values: readonly Sample[] }[] };

/** What a query gives at one time, in the order of its operations. */
export function instantData(value: Value, grid: Grid): QueryData {
  const seconds = grid.startMs / 1000;
  if (value.kind === 'string') return { resultType: 'string', result: [seconds, value.text] };
  if (value.kind === 'scalar') return { resultType: 'scalar', result: [seconds, formatValue(value.values[0]!)] };
  const result = value.series.map(({ labels, values }) => ({
    metric: metricOf(labels),
    value: [seconds, formatValue(values[0]!)] as const,
  }));
  return { resultType: 'vector', result };
}

/** What a query gives over time, in the order of the labels. */
export function rangeData(value: Value, grid: Grid): QueryData {
  const secondsAt = (i: number) => (grid.startMs + i * grid.stepMs) / 1000;
  if (value.kind === 'string') throw new Error('a text has no value over time');
  const series =
    value.kind === 'vector'
      ? value.series
      : [{ labels: new Map<string, string>(), values: value.values, present: new Uint8Array(grid.count).fill(1) }];
  const result = inOrder(series).map(({ labels, values, present }) => {
    const samples: Sample[] = [];
    for (let i = 0; i < grid.count; i++) if (present[i] === 1) samples.push([secondsAt(i), formatValue(values[i]!)]);
    return { metric: metricOf(labels), values: samples };
  });
  return { resultType: 'matrix', result };
}

/** Samples as they are stored, from one time to another, both included. */
export function sampleData(all: readonly Samples[], fromMs: number, toMs: number): QueryData {
  const result = inOrder(all).flatMap(({ labels, ts, values }) => {
    const samples: Sample[] = [];
    for (let i = 0; i < ts.length; i++) {
      if (ts[i]! >= fromMs && ts[i]! <= toMs) samples.push([ts[i]! / 1000, formatValue(values[i]!)]);
    }
    return samples.length > 0 ? [{ metric: metricOf(labels), values: samples }] : [];
  });
  return { resultType: 'matrix', result };
}

/** Labels as an object; a name such as `constructor` is one like any other. */
export function metricOf(labels: Labels): Metric {
  return Object.fromEntries(labels);
}

function inOrder<T extends { readonly labels: Labels }>(series: readonly T[]): T[] {
  const keyed = series.map((one) => ({ one, key: signature(one.labels) }));
  return keyed.sort((a, b) => (a.key < b.key ? -1 : 1)).map(({ one }) => one);
}
