import { PlatformError } from '@app/observability';
import type { DialectForecaster, LevelForecast } from '../dialect-forecaster.js';
import type { ClientSeries } from './client-series.js';
import { historySpans, tooShort } from './cross-validation.js';
import { boundsOf } from './interval-levels.js';
import { forecastSpans, indexesOf, prepare, sizesOf, type Prepared, type Span } from './spans.js';
import type {
  AnomalyAnswer,
  AnomalyRequest,
  Intervals,
  OnlineAnomalyAnswer,
  OnlineAnomalyRequest,
} from './timegpt.schema.js';

/** Windows before the detection from which a series' own errors are learnt. */
const MOST_CALIBRATION_WINDOWS = 128;
/** An interval is never narrowed to less of its width, however well the past was forecast. */
const NARROWEST = 0.1;
/** Distances are not measured in less of the value than this: two constants are equal although one went through float32. */
const RESOLUTION = 1e-6;

/** One point of the series beside its forecast. */
interface Judged {
  readonly value: number | null;
  readonly mean: number;
  readonly lower: number;
  readonly median: number;
  readonly upper: number;
  /** How far the value lies from the median on its side of the interval; the bound is 1. 0 for a gap. */
  readonly distance: number;
}

/**
 * Anomalies of the whole history: values outside the interval of the level that was forecast for them, window by window, from what
 * came before.
 */
export async function detectAnomalies(request: AnomalyRequest, forecaster: DialectForecaster): Promise<AnomalyAnswer> {
  const prepared = await prepare(request, forecaster);
  const { predictionLength } = await forecaster.factsOf(prepared.model);
  const spans = prepared.series.flatMap((series) => historySpans(series, predictionLength));
  const points = (await judge(prepared, spans, request.level, forecaster)).flat();
  return {
    ...answer(prepared.series, spans, points, request.level),
    anomaly: points.map(({ distance }) => distance > 1),
  };
}

/**
 * Anomalies among the newest points of each series, each forecast from what came before its window. The interval is made as wide
 * as the series' own errors in the windows before ask for (split conformal: Papadopoulos et al. 2002), so that about the stated
 * share of ordinary values lies inside, whatever the model thinks.
 */
export async function detectOnline(
  request: OnlineAnomalyRequest,
  forecaster: DialectForecaster,
): Promise<OnlineAnomalyAnswer> {
  const prepared = await prepare(request, forecaster);
  const { level, detection_size: size, threshold_method: method } = request;
  const step = request.step_size ?? request.h;
  if (step > request.h) {
    throw new PlatformError(
      'INVALID_REQUEST',
      `step_size ${step} is longer than h ${request.h}, points would be left out`,
    );
  }
  if (method === 'multivariate') checkEqualSizes(prepared.series);

  const calibration = prepared.series.map((series) => calibrationSpans(series, size, step));
  const detection = prepared.series.map((series) => detectionSpans(series, size, step));
  const spans = prepared.series.flatMap((_, i) => [...calibration[i]!, ...detection[i]!]);
  const judged = (await judge(prepared, spans, level, forecaster)).values();
  const take = (part: readonly Span[]) => part.flatMap(() => judged.next().value!);
  const series = prepared.series.map((_, i) => {
    const [past, newest] = [take(calibration[i]!), take(detection[i]!)];
    return { past, newest, factor: conformalFactor(distances(past), level) };
  });

  const points = series.flatMap(({ newest, factor }) => newest.map((point) => stretched(point, factor)));
  const common = answer(prepared.series, detection.flat(), points, level);
  const scores = points.map(({ distance }) => distance);
  if (method === 'univariate') {
    return { ...common, anomaly: scores.map((score) => score > 1), anomaly_score: scores };
  }
  const threshold = conformalFactor(accumulated(series.map(({ past }) => distances(past))), level);
  const together = accumulated(series.map(({ newest }) => distances(newest))).map((score) => score / threshold);
  const repeated = series.flatMap(() => together);
  return {
    ...common,
    anomaly: repeated.map((score) => score > 1),
    anomaly_score: scores,
    accumulated_anomaly_score: repeated,
  };
}

/** Windows over the newest `size` points, the last one cut where the series ends. */
function detectionSpans(series: ClientSeries, size: number, step: number): Span[] {
  const begin = series.size - size;
  if (begin < 1) throw tooShort(series, size + 1, `${size} points to judge`);
  return Array.from({ length: Math.ceil(size / step) }, (_, i) => {
    const first = begin + i * step;
    return { series, first, steps: Math.min(step, series.size - first) };
  });
}

/** Windows before those, as far back as a quarter of what is there leaves them a context. */
function calibrationSpans(series: ClientSeries, size: number, step: number): Span[] {
  const begin = series.size - size;
  const room = begin - Math.max(1, Math.floor(begin / 4));
  const count = Math.max(0, Math.min(MOST_CALIBRATION_WINDOWS, Math.floor(room / step)));
  return Array.from({ length: count }, (_, i) => ({ series, first: begin - (count - i) * step, steps: step }));
}

/** The points of each span beside their forecasts. */
async function judge(
  prepared: Prepared,
  spans: readonly Span[],
  level: number,
  forecaster: DialectForecaster,
): Promise<Judged[][]> {
  const [lower, upper] = boundsOf(level);
  const horizon = Math.max(...spans.map(({ steps }) => steps));
  const forecasts = await forecastSpans(prepared, spans, horizon, [lower, 0.5, upper], forecaster);
  return spans.map((span, i) => judgeSpan(span, forecasts[i]!));
}

function judgeSpan({ series, first }: Span, { mean, quantiles }: LevelForecast): Judged[] {
  return mean.map((expected, step) => {
    const [lower, median, upper] = quantiles.subarray(3 * step, 3 * step + 3) as unknown as [number, number, number];
    const value = series.values[first + step]!;
    return { value, mean: expected, lower, median, upper, distance: distanceOf(value, lower, median, upper) };
  });
}

function distanceOf(value: number | null, lower: number, median: number, upper: number): number {
  if (value === null) return 0;
  const width = value > median ? upper - median : median - lower;
  return Math.abs(value - median) / Math.max(width, RESOLUTION * Math.abs(median), Number.MIN_VALUE * 2 ** 52);
}

/** By how much to stretch intervals so that the past lies inside them as often as the level says. */
function conformalFactor(past: readonly number[], level: number): number {
  const sorted = Float64Array.from(past).sort();
  // Of n + 1 exchangeable distances the newest is among the smallest so many with the probability of the level.
  const rank = Math.ceil(((sorted.length + 1) * level) / 100);
  const enough = rank <= sorted.length;
  return Math.max(NARROWEST, enough ? sorted[Math.max(0, rank - 1)]! : Math.max(1, sorted.at(-1) ?? 1));
}

function stretched(point: Judged, factor: number): Judged {
  const { lower, median, upper, distance } = point;
  return {
    ...point,
    lower: median - factor * (median - lower),
    upper: median + factor * (upper - median),
    distance: distance / factor,
  };
}

/** Root of the mean square over the series, time by time; gaps, which are 0, count as ordinary. */
function accumulated(series: readonly (readonly number[])[]): number[] {
  const [first = []] = series;
  return first.map((_, t) => Math.sqrt(series.reduce((sum, one) => sum + one[t]! ** 2, 0) / series.length));
}

function distances(points: readonly Judged[]): number[] {
  return points.map(({ distance }) => distance);
}

function checkEqualSizes(series: readonly ClientSeries[]): void {
  const odd = series.find(({ size }) => size !== series[0]!.size);
  if (!odd) return;
  const message = `threshold_method "multivariate" compares series time by time, but ${odd.name} has ${odd.size} points and #0 has ${series[0]!.size}`;
  throw new PlatformError('INVALID_REQUEST', `${message}; cut them to the same times, or use "univariate"`);
}

/** What both kinds answer. */
function answer(series: readonly ClientSeries[], spans: readonly Span[], points: readonly Judged[], level: number) {
  const intervals: Intervals = {
    [`lo-${level}`]: points.map(({ lower }) => lower),
    [`hi-${level}`]: points.map(({ upper }) => upper),
  };
  return {
    sizes: sizesOf(series, spans),
    idxs: indexesOf(spans),
    mean: points.map(({ mean }) => mean),
    intervals,
    weights_x: null,
    feature_contributions: null,
  };
}
