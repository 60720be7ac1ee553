/** What a window found, a window missed and a false alarm weigh (NAB's config/profiles.json; Lavin & Ahmad 2015, §II.C). */
export interface NabProfile {
  readonly tp: number;
  readonly fn: number;
  readonly fp: number;
}

/** The three application profiles of the Numenta Anomaly Benchmark. */
export const NAB_PROFILES = {
  standard: { tp: 1, fn: 1, fp: 0.11 },
  reward_low_fp: { tp: 1, fn: 1, fp: 0.22 },
  reward_low_fn: { tp: 1, fn: 2, fp: 0.11 },
} as const satisfies Record<string, NabProfile>;
export type NabProfileName = keyof typeof NAB_PROFILES;

/** One file: a score a row, and its labelled windows as first and last row, ascending and apart from each other. */
export interface NabSeries {
  readonly scores: Float64Array;
  readonly windows: readonly (readonly [first: number, last: number])[];
}

/** A threshold, the raw total there, and that total on NAB's scale: 0 for a silent detector, 100 for a perfect one. */
export interface NabResult {
  readonly threshold: number;
  readonly raw: number;
  readonly score: number;
}

/** Above every score: nothing is detected. */
const SILENT = 1.1;
const PROBATION_SHARE = 0.15;
const PROBATION_LIMIT = 750;

/** Rows at the start of a file that are not scored: 15 %, at most 750. */
export function nabProbation(rows: number): number {
  return Math.min(Math.floor(PROBATION_SHARE * rows), PROBATION_LIMIT);
}

/** Scores all files at one threshold: rows with a score at or above it are detections. */
export function nabScoreAt(series: readonly NabSeries[], profile: NabProfile, threshold: number): NabResult {
  let raw = 0;
  for (const one of series) {
    const best = one.windows.map(() => -profile.fn);
    forEachScoredRow(one, profile, (row, worth, window) => {
      if (!(one.scores[row]! >= threshold)) return;
      if (window < 0) raw += worth;
      else best[window] = Math.max(best[window]!, worth);
    });
    for (const worth of best) raw += worth;
  }
  return { threshold, raw, score: normalised(raw, series, profile) };
}

/**
 * Scores all files at the one threshold, common to all of them, that is best for the profile: NAB's optimiser, over
 * every distinct score and over "nothing is detected".
 */
export function nabOptimise(series: readonly NabSeries[], profile: NabProfile): NabResult {
  const rows = rankedRows(series, profile);
  const windows = series.reduce((sum, one) => sum + one.windows.length, 0);
  const best = new Float64Array(windows).fill(-profile.fn);
  let raw = -profile.fn * windows;
  let optimum = { threshold: SILENT, raw };

  for (let i = 0; i < rows.order.length; i++) {
    const row = rows.order[i]!;
    const window = rows.window[row]!;
    const worth = rows.worth[row]!;
    if (window < 0) raw += worth;
    else if (worth > best[window]!) {
      raw += worth - best[window]!;
      best[window] = worth;
    }
    const score = rows.score[row]!;
    const tied = i + 1 < rows.order.length && rows.score[rows.order[i + 1]!] === score;
    if (!tied && raw > optimum.raw) optimum = { threshold: score, raw };
  }
  return { ...optimum, score: normalised(optimum.raw, series, profile) };
}

/** All scored rows of all files, best score first; windows are numbered over all files. */
function rankedRows(series: readonly NabSeries[], profile: NabProfile) {
  const total = series.reduce((sum, one) => sum + one.scores.length, 0);
  const score = new Float64Array(total);
  const worth = new Float64Array(total);
  const window = new Int32Array(total);
  let count = 0;
  let firstWindow = 0;
  for (const one of series) {
    forEachScoredRow(one, profile, (row, value, of) => {
      if (Number.isNaN(one.scores[row]!)) return;
      score[count] = one.scores[row]!;
      worth[count] = value;
      window[count++] = of < 0 ? -1 : firstWindow + of;
    });
    firstWindow += one.windows.length;
  }
  const order = Uint32Array.from({ length: count }, (_, i) => i).sort((a, b) => score[b]! - score[a]!);
  return { score, worth, window, order };
}

/** Calls back with every row after probation, what a detection there is worth, and its window or −1. */
function forEachScoredRow(
  { scores, windows }: NabSeries,
  profile: NabProfile,
  visit: (row: number, worth: number, window: number) => void,
): void {
  let next = 0;
  for (let row = nabProbation(scores.length); row < scores.length; row++) {
    while (next < windows.length && windows[next]![1] < row) next++;
    const inside = next < windows.length && windows[next]![0] <= row;
    if (inside) visit(row, profile.tp * earliness(row, windows[next]!), next);
    else visit(row, profile.fp * lateness(row, windows[next - 1]), -1);
  }
}

/** 1 at the first row of a window, just above 0 at its last. */
function earliness(row: number, [first, last]: readonly [number, number]): number {
  return scaledSigmoid(-(last - row + 1) / (last - first + 1)) / scaledSigmoid(-1);
}

/** Just below 0 behind a window, −1 far from it and before the first one. */
function lateness(row: number, previous: readonly [number, number] | undefined): number {
  if (!previous) return -1;
  const [first, last] = previous;
  return scaledSigmoid((row - last) / (last - first));
}

/** NAB's sweeper.scaledSigmoid. A window of one row has no width to measure by: everything behind it is far. */
function scaledSigmoid(position: number): number {
  return position > 3 ? -1 : 2 / (1 + Math.exp(5 * position)) - 1;
}

function normalised(raw: number, series: readonly NabSeries[], profile: NabProfile): number {
  const windows = series.reduce((sum, one) => sum + one.windows.length, 0);
  const silent = -profile.fn * windows;
  return (100 * (raw - silent)) / (profile.tp * windows - silent);
}
