/** Thresholds of the reference: 250 order statistics, evenly spaced in rank (TSB-AD, basic_metrics.py, `thre`). */
const THRESHOLDS = 250;

/** Areas under precision–recall and ROC, averaged over the widths of a soft edge around each labelled segment. */
export interface VusScores {
  readonly 'VUS-PR': number;
  readonly 'VUS-ROC': number;
}

type Segment = readonly [first: number, last: number];

/**
 * Volume under the surface (Paparrizos et al. 2022), `generate_curve(version="opt")` of TSB-AD, in O(L·n).
 * NaN where no point, or every point, is labelled.
 *
 * @param labels 0 or 1 a point.
 * @param scores higher is more anomalous; finite.
 * @param window L, the widest edge in points; `vusWindow` finds it.
 */
export function volumeUnderSurface(labels: Uint8Array, scores: Float64Array, window: number): VusScores {
  const segments = labelledSegments(labels);
  const positives = labels.reduce((sum, label) => sum + label, 0);
  if (positives === 0 || positives === labels.length) return { 'VUS-PR': Number.NaN, 'VUS-ROC': Number.NaN };

  const ranking = rank(scores);
  let pr = 0;
  let roc = 0;
  for (let width = 0; width <= window; width++) {
    const areas = rangeAreas(labels, segments, positives, ranking, width);
    pr += areas.pr;
    roc += areas.roc;
  }
  return { 'VUS-PR': pr / (window + 1), 'VUS-ROC': roc / (window + 1) };
}

/** Average precision over all distinct scores, as scikit-learn's `average_precision_score`. NaN without a label. */
export function averagePrecision(labels: Uint8Array, scores: Float64Array): number {
  const { order } = rank(scores);
  const positives = labels.reduce((sum, label) => sum + label, 0);
  let found = 0;
  let counted = 0;
  let area = 0;
  for (let i = 0; i < order.length; i++) {
    found += labels[order[i]!]!;
    if (i + 1 < order.length && scores[order[i + 1]!] === scores[order[i]!]) continue;
    area += ((found - counted) / positives) * (found / (i + 1));
    counted = found;
  }
  return positives === 0 ? Number.NaN : area;
}

interface Ranking {
  /** Points, highest score first. */
  readonly order: Uint32Array;
  /** Place of each point in `order`. */
  readonly place: Uint32Array;
  /** How many points are predicted at each of the 250 thresholds, ties included. */
  readonly predicted: Uint32Array;
}

function rank(scores: Float64Array): Ranking {
  const n = scores.length;
  const order = Uint32Array.from({ length: n }, (_, i) => i).sort((a, b) => scores[b]! - scores[a]!);
  const place = new Uint32Array(n);
  order.forEach((point, i) => (place[point] = i));
  const predicted = Uint32Array.from({ length: THRESHOLDS }, (_, k) => {
    let count = Math.floor((k * (n - 1)) / (THRESHOLDS - 1)) + 1;
    while (count < n && scores[order[count]!] === scores[order[count - 1]!]) count++;
    return count;
  });
  return { order, place, predicted };
}

/** R-AUC-PR and R-AUC-ROC at one width of the edge. */
function rangeAreas(
  labels: Uint8Array,
  segments: readonly Segment[],
  positives: number,
  { order, place, predicted }: Ranking,
  width: number,
): { pr: number; roc: number } {
  const n = labels.length;
  const soft = softLabels(labels, segments, width);
  const firstHits = merged(segments, Math.floor(width / 2), n).map(([first, last]) => {
    let best = n;
    for (let i = first; i <= last; i++) best = Math.min(best, place[i]!);
    return best;
  });

  const area = { pr: 0, roc: 0 };
  let [found, outside, count] = [0, 0, 0];
  let [recall, fallOut] = [0, 0];
  for (const size of predicted) {
    for (; count < size; count++) {
      const point = order[count]!;
      found += soft[point]!;
      if (labels[point] === 0) outside += soft[point]!;
    }
    // Half of the edge counts as positive as far as it is predicted: (P + Z) / 2 with Z = P + the predicted edge.
    const mass = positives + outside / 2;
    const existence = firstHits.filter((hit) => hit < size).length / firstHits.length;
    const nextRecall = Math.min(found / mass, 1) * existence;
    const nextFallOut = (size - found) / (n - mass);
    area.pr += (nextRecall - recall) * (found / size);
    area.roc += ((nextRecall + recall) / 2) * (nextFallOut - fallOut);
    [recall, fallOut] = [nextRecall, nextFallOut];
  }
  area.roc += ((1 + recall) / 2) * (1 - fallOut);
  return area;
}

/** Labels with an edge of √(1 − d/w) at distance d = 1 … ⌊w/2⌋ on both sides; edges add up where they overlap, to 1. */
function softLabels(labels: Uint8Array, segments: readonly Segment[], width: number): Float64Array {
  const soft = Float64Array.from(labels);
  for (const [first, last] of segments) {
    for (let distance = 1; distance <= Math.floor(width / 2); distance++) {
      const weight = Math.sqrt(1 - distance / width);
      if (first - distance >= 0) soft[first - distance]! += weight;
      if (last + distance < soft.length) soft[last + distance]! += weight;
    }
  }
  return soft.map((weight) => Math.min(weight, 1));
}

/** Segments widened by half of the edge, those that then touch taken as one. */
function merged(segments: readonly Segment[], half: number, n: number): Segment[] {
  const groups: [number, number][] = [];
  for (const [first, last] of segments) {
    const widened: [number, number] = [Math.max(0, first - half), Math.min(n - 1, last + half)];
    const previous = groups.at(-1);
    // The reference compares the widened borders before they are cut to the series.
    if (previous && previous[1] >= first - half) previous[1] = widened[1];
    else groups.push(widened);
  }
  return groups;
}

/** Runs of labelled points, first and last point of each. */
export function labelledSegments(labels: Uint8Array): Segment[] {
  const segments: [number, number][] = [];
  labels.forEach((label, i) => {
    if (label === 0) return;
    const previous = segments.at(-1);
    if (previous && previous[1] === i - 1) previous[1] = i;
    else segments.push([i, i]);
  });
  return segments;
}

const ACF_POINTS = 20_000;
const ACF_LAGS = 400;
const SHORTEST_LAG = 3;
const DEFAULT_WINDOW = 125;

/**
 * The edge width for a series: the lag of the highest local maximum of its autocorrelation (TSB-AD, `find_length_rank`),
 * or 125 where there is none. @param values missing values count as the mean.
 */
export function vusWindow(values: Float64Array): number {
  const head = values.subarray(0, ACF_POINTS);
  const finite = head.filter(Number.isFinite);
  const mean = finite.reduce((sum, value) => sum + value, 0) / finite.length;
  const centred = head.map((value) => (Number.isFinite(value) ? value - mean : 0));
  const lags = Math.min(ACF_LAGS, head.length - 1);
  const acf = Float64Array.from({ length: Math.max(lags + 1, 0) }, (_, lag) => {
    let sum = 0;
    for (let i = lag; i < centred.length; i++) sum += centred[i]! * centred[i - lag]!;
    return sum;
  });

  let best = -1;
  for (let lag = SHORTEST_LAG + 1; lag < lags; lag++) {
    const peak = acf[lag]! > acf[lag - 1]! && acf[lag]! > acf[lag + 1]!;
    if (peak && (best < 0 || acf[lag]! > acf[best]!)) best = lag;
  }
  const index = best - SHORTEST_LAG;
  return best < 0 || index < 3 || index > 300 ? DEFAULT_WINDOW : best;
}
