import { put, type Accumulator } from './accumulator.js';
import type { Aggregation } from './ast.js';
import type { Budget } from './budget.js';
import { PromqlError } from './errors.js';
import { keep, METRIC_NAME, signature, withLabel, without, type Labels } from './labels.js';
import { formatValue, quantileOf, staysInfinite } from './numbers.js';
import type { StepSeries } from './samples.js';

/** Takes the values of one group at one step together; at least one value, in the order of the series. */
type Reducer = (values: readonly number[], param: number) => number;

const REDUCERS: ReadonlyMap<string, Reducer> = new Map<string, Reducer>([
  ['sum', (values) => values.reduce((sum, value) => sum + value)],
  ['avg', meanOf],
  ['min', (values) => extreme(values, (value, best) => value < best)],
  ['max', (values) => extreme(values, (value, best) => value > best)],
  ['count', (values) => values.length],
  ['group', () => 1],
  ['stdvar', varianceOf],
  ['stddev', (values) => Math.sqrt(varianceOf(values))],
  ['quantile', (values, level) => quantileOf(level, values)],
]);

interface Group {
  readonly labels: Labels;
  readonly series: StepSeries[];
}

/** Groups series by labels and takes each group together, at every step. `param` holds the scalar argument by step. */
export async function aggregate(
  { op, grouping }: Aggregation,
  vector: readonly StepSeries[],
  param: Float64Array | string | undefined,
  out: Accumulator,
  budget: Budget,
): Promise<void> {
  for (const group of groupsOf(vector, grouping)) {
    if (op === 'count_values') countValues(group, String(param), grouping, out);
    else if (op === 'topk' || op === 'bottomk') choose(group, op === 'topk', param as Float64Array, out);
    else reduce(group, REDUCERS.get(op)!, param as Float64Array | undefined, out);
    await budget.spend(group.series.length * (group.series[0]?.values.length ?? 0));
  }
}

function groupsOf(vector: readonly StepSeries[], grouping: Aggregation['grouping']): Group[] {
  const names = new Set(grouping.labels);
  const groups = new Map<string, Group>();
  for (const series of vector) {
    const labels = grouping.without
      ? without(series.labels, METRIC_NAME, ...grouping.labels)
      : keep(series.labels, names);
    const key = signature(labels);
    const group = groups.get(key);
    if (group) group.series.push(series);
    else groups.set(key, { labels, series: [series] });
  }
  return [...groups.values()];
}

function reduce({ labels, series }: Group, reducer: Reducer, param: Float64Array | undefined, out: Accumulator): void {
  const into = out.series(labels);
  for (let i = 0; i < into.values.length; i++) {
    const values = presentAt(series, i);
    if (values.length > 0) put(into, i, reducer(values, param?.[i] ?? Number.NaN));
  }
}

function presentAt(series: readonly StepSeries[], step: number): number[] {
  const values: number[] = [];
  for (const one of series) if (one.present[step] === 1) values.push(one.values[step]!);
  return values;
}

/** The k series with the highest or lowest values stay, at every step others; NaN is neither high nor low. */
function choose({ series }: Group, highest: boolean, k: Float64Array, out: Accumulator): void {
  const steps = series[0]!.values.length;
  for (let i = 0; i < steps; i++) {
    const wanted = Math.trunc(k[i]!);
    if (Number.isNaN(k[i]!) || Math.abs(wanted) > 2 ** 63) {
      throw new PromqlError('execution', `Scalar value ${formatValue(k[i]!)} overflows int64`);
    }
    if (wanted < 1) continue;
    const there = series.filter(({ present }) => present[i] === 1);
    there.sort((a, b) => byRank(a.values[i]!, b.values[i]!, highest));
    for (const one of there.slice(0, wanted)) put(out.series(one.labels), i, one.values[i]!);
  }
}

/** Best first, NaN last; equal ones stay in the order of the series. */
export function byRank(a: number, b: number, highest: boolean): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  if (a === b) return 0;
  return a > b === highest ? -1 : 1;
}

function countValues(
  { labels, series }: Group,
  label: string,
  grouping: Aggregation['grouping'],
  out: Accumulator,
): void {
  if (!/^[A-Za-z_]\w*$/.test(label)) throw new PromqlError('execution', `invalid label name ${JSON.stringify(label)}`);
  // The label of the value is set before the grouping takes labels away.
  const taken = grouping.without && grouping.labels.includes(label);
  const steps = series[0]!.values.length;
  for (let i = 0; i < steps; i++) {
    const counts = new Map<string, number>();
    for (const value of presentAt(series, i)) {
      const text = taken ? '' : formatValue(value);
      counts.set(text, (counts.get(text) ?? 0) + 1);
    }
    for (const [text, count] of counts) put(out.series(withLabel(labels, label, text)), i, count);
  }
}

function meanOf(values: readonly number[]): number {
  let mean = values[0]!;
  for (let n = 2; n <= values.length; n++) {
    const value = values[n - 1]!;
    if (!staysInfinite(mean, value)) mean += value / n - mean / n;
  }
  return mean;
}

/** Welford's algorithm. */
function varianceOf(values: readonly number[]): number {
  let mean = values[0]!;
  let squares = 0;
  for (let n = 2; n <= values.length; n++) {
    const delta = values[n - 1]! - mean;
    mean += delta / n;
    squares += delta * (values[n - 1]! - mean);
  }
  return squares / values.length;
}

/** NaN only where all are. */
function extreme(values: readonly number[], better: (value: number, best: number) => boolean): number {
  let best = values[0]!;
  for (const value of values) if (better(value, best) || Number.isNaN(best)) best = value;
  return best;
}
