import { CarefulMean, CarefulSum, CarefulVariance, quantileOf } from './numbers.js';

/** Samples `from` up to but not including `to` of a series: those of one step's range, at least one. */
export interface Window {
  readonly ts: Float64Array;
  readonly values: Float64Array;
  readonly from: number;
  readonly to: number;
  /** Begin and end of the range, offset taken off; both belong to it. */
  readonly startMs: number;
  readonly endMs: number;
  /** Time of the step. */
  readonly evalMs: number;
  /** The scalar argument at this step, where the function has one. */
  readonly param: number;
}

/** The value over a window; undefined where there is none. */
export type RangeFunction = (window: Window) => number | undefined;

/** Functions over a range, by name; the mathematics is that of promql/functions.go of Prometheus 2.42. */
export const RANGE_FUNCTIONS: ReadonlyMap<string, RangeFunction> = new Map<string, RangeFunction>([
  ['rate', (window) => extrapolated(window, { counter: true, perSecond: true })],
  ['increase', (window) => extrapolated(window, { counter: true, perSecond: false })],
  ['delta', (window) => extrapolated(window, { counter: false, perSecond: false })],
  ['irate', (window) => lastChange(window, true)],
  ['idelta', (window) => lastChange(window, false)],
  ['deriv', (window) => regression(window, window.ts[window.from]!)?.slope],
  ['predict_linear', predictLinear],
  ['changes', (window) => countPairs(window, (a, b) => a !== b && !(Number.isNaN(a) && Number.isNaN(b)))],
  ['resets', (window) => countPairs(window, (a, b) => b < a)],
  ['avg_over_time', avgOverTime],
  ['sum_over_time', sumOverTime],
  ['min_over_time', (window) => extreme(window, (value, best) => value < best)],
  ['max_over_time', (window) => extreme(window, (value, best) => value > best)],
  ['count_over_time', ({ from, to }) => to - from],
  ['last_over_time', ({ values, to }) => values[to - 1]],
  ['present_over_time', () => 1],
  ['stddev_over_time', (window) => Math.sqrt(varianceOf(window))],
  ['stdvar_over_time', varianceOf],
  ['quantile_over_time', ({ values, from, to, param }) => quantileOf(param, values.subarray(from, to))],
]);

/**
 * How much a series changed over the range: what its samples say, extrapolated to the ends of the range where they come
 * near, and for a counter with the resets put right.
 */
function extrapolated(window: Window, { counter, perSecond }: { counter: boolean; perSecond: boolean }) {
  const { ts, values, from, to, startMs, endMs } = window;
  if (to - from < 2) return undefined;
  const first = values[from]!;
  let change = values[to - 1]! - first;
  if (counter) {
    for (let i = from + 1; i < to; i++) if (values[i]! < values[i - 1]!) change += values[i - 1]!;
  }
  const sampled = (ts[to - 1]! - ts[from]!) / 1000;
  const between = sampled / (to - from - 1);
  let toStart = (ts[from]! - startMs) / 1000;
  const toEnd = (endMs - ts[to - 1]!) / 1000;
  // A counter was not below zero before its first sample.
  if (counter && change > 0 && first >= 0) toStart = Math.min(toStart, sampled * (first / change));
  const threshold = between * 1.1;
  const reach = sampled + (toStart < threshold ? toStart : between / 2) + (toEnd < threshold ? toEnd : between / 2);
  let factor = reach / sampled;
  if (perSecond) factor /= (endMs - startMs) / 1000;
  return change * factor;
}

/** Between the last two samples: a rate, with a reset put right, or the difference. */
function lastChange({ ts, values, from, to }: Window, perSecond: boolean): number | undefined {
  if (to - from < 2) return undefined;
  const last = values[to - 1]!;
  const previous = values[to - 2]!;
  if (!perSecond) return last - previous;
  return (last < previous ? last : last - previous) / ((ts[to - 1]! - ts[to - 2]!) / 1000);
}

function predictLinear(window: Window): number | undefined {
  const line = regression(window, window.evalMs);
  return line && line.slope * window.param + line.intercept;
}

/** Least squares over seconds since `interceptMs`. */
function regression({ ts, values, from, to }: Window, interceptMs: number) {
  if (to - from < 2) return undefined;
  const [sumX, sumY, sumXY, sumX2] = [new CarefulSum(), new CarefulSum(), new CarefulSum(), new CarefulSum()];
  let constant = true;
  for (let i = from; i < to; i++) {
    const x = (ts[i]! - interceptMs) / 1000;
    const y = values[i]!;
    if (y !== values[from]) constant = false;
    sumX.add(x);
    sumY.add(y);
    sumXY.add(x * y);
    sumX2.add(x * x);
  }
  if (constant) {
    const level = values[from]!;
    return Number.isFinite(level) ? { slope: 0, intercept: level } : { slope: Number.NaN, intercept: Number.NaN };
  }
  const n = to - from;
  const [x, y] = [plain(sumX), plain(sumY)];
  const slope = (plain(sumXY) - (x * y) / n) / (plain(sumX2) - (x * x) / n);
  return { slope, intercept: y / n - (slope * x) / n };
}

function plain({ sum, rest }: CarefulSum): number {
  return sum + rest;
}

function countPairs({ values, from, to }: Window, counts: (previous: number, value: number) => boolean): number {
  let count = 0;
  for (let i = from + 1; i < to; i++) if (counts(values[i - 1]!, values[i]!)) count++;
  return count;
}

function avgOverTime({ values, from, to }: Window): number {
  const mean = new CarefulMean();
  for (let i = from; i < to; i++) mean.add(values[i]!);
  return mean.mean;
}

function sumOverTime({ values, from, to }: Window): number {
  const sum = new CarefulSum();
  for (let i = from; i < to; i++) sum.add(values[i]!);
  return sum.total;
}

/** NaN only where all are. */
function extreme({ values, from, to }: Window, better: (value: number, best: number) => boolean): number {
  let best = values[from]!;
  for (let i = from + 1; i < to; i++) if (better(values[i]!, best) || Number.isNaN(best)) best = values[i]!;
  return best;
}

function varianceOf({ values, from, to }: Window): number {
  const variance = new CarefulVariance();
  for (let i = from; i < to; i++) variance.add(values[i]!);
  return variance.variance;
}
