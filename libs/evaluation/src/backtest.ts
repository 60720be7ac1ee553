import type { ForecastingEntry } from './manifest.js';

/** One series of a set: its values on the grid, NaN where missing; with a test file, what follows the values. */
export interface EvaluationSeries {
  readonly id: string;
  /** Time of the first value, milliseconds. */
  readonly start: number;
  readonly values: Float64Array;
  readonly test?: Float64Array;
}

/** A rolling-origin window: what a model sees, and what came. */
export interface BacktestWindow {
  readonly id: string;
  /** Points of the series before the context; the time of the context's first point follows from it. */
  readonly offset: number;
  readonly context: Float64Array;
  /** predictionLength values, NaN where missing. */
  readonly target: Float64Array;
}

/** Fewer observed points than this tell a model nothing; such windows are left out. */
const LEAST_CONTEXT = 8;

/**
 * The windows of one series, oldest first. `last`: origins n − ⌊fraction·n⌋ + k·stride; `borders`: origins through the
 * test part; `file`: one origin at the end. Windows with fewer than 8 observed context points or without any observed
 * target are left out.
 */
export function* backtestWindows(series: EvaluationSeries, entry: ForecastingEntry): Generator<BacktestWindow> {
  const { split, predictionLength, contextLimit, stride } = entry;
  const [loc, scale] = entry.standardise === 'train' ? trainMoments(series, split) : [0, 1];
  const scaled = (values: Float64Array) => (loc === 0 && scale === 1 ? values : values.map((v) => (v - loc) / scale));
  const values = scaled(series.values);
  const finite = (part: Float64Array) => part.reduce((sum, value) => sum + (Number.isNaN(value) ? 0 : 1), 0);

  const window = (origin: number, target: Float64Array): BacktestWindow => {
    const offset = Math.max(0, origin - contextLimit);
    return { id: series.id, offset, context: values.slice(offset, origin), target };
  };
  const usable = ({ context, target }: BacktestWindow) => finite(context) >= LEAST_CONTEXT && finite(target) > 0;

  if (split.kind === 'file') {
    const only = window(values.length, scaled(series.test ?? new Float64Array()).slice(0, predictionLength));
    if (usable(only)) yield only;
    return;
  }
  const [first, end] =
    split.kind === 'last'
      ? [values.length - Math.floor(split.fraction * values.length), values.length]
      : [split.train + split.validation, Math.min(values.length, split.train + split.validation + split.test)];
  for (let origin = first; origin + predictionLength <= end; origin += stride) {
    const next = window(origin, values.slice(origin, origin + predictionLength));
    if (usable(next)) yield next;
  }
}

/** Mean and population standard deviation of the training part; a constant part keeps its scale. */
function trainMoments(series: EvaluationSeries, split: ForecastingEntry['split']): [loc: number, scale: number] {
  const n = series.values.length;
  const trainEnd = { last: () => n - Math.floor((split as { fraction: number }).fraction * n), file: () => n };
  const end = split.kind === 'borders' ? split.train : trainEnd[split.kind]();
  const train = series.values.subarray(0, end).filter((value) => !Number.isNaN(value));
  if (train.length === 0) return [0, 1];

  const mean = train.reduce((sum, value) => sum + value, 0) / train.length;
  const variance = train.reduce((sum, value) => sum + (value - mean) ** 2, 0) / train.length;
  return [mean, variance > 0 ? Math.sqrt(variance) : 1];
}
