import { createDetector, DETECTOR_NAMES, isDetectorName } from '@app/detectors';
import {
  eventScores,
  NAB_PROFILES,
  nabOptimise,
  nabScoreAt,
  volumeUnderSurface,
  vusWindow,
  type NabProfileName,
  type NabSeries,
} from '@app/evaluation';

import type { AnomalyRows, AnomalySet } from './anomaly-data.js';
import { OfflinePca } from './anomaly-reference.js';
import type { Progress } from './progress.js';

/** Rows from one line of progress to the next. */
const CHUNK = 2_000;

/** PCA that has seen the whole training part, and the same smoothed like our severity of several channels. */
const REFERENCES = { 'pca-offline': 1, 'pca-offline-smoothed': 0.1 } as const satisfies Record<string, number>;

export const EVALUATED_NAMES: readonly string[] = [...DETECTOR_NAMES, ...Object.keys(REFERENCES)];

/** What is evaluated: a row in, its sharp score and its severity out. */
type Observer = (ts: number, values: Float64Array) => { readonly score: number; readonly severity: number };

/** Scores of one detector on one set. */
export interface AnomalyResult {
  readonly 'VUS-PR': number;
  readonly 'VUS-ROC': number;
  readonly events: number;
  readonly eventsFound: number;
  readonly alarms: number;
  readonly alarmsPer1000: number;
  /** Points from the beginning of an event to its first alarm, mean over the events found. */
  readonly delay: number;
  /** By event, with the tolerance of seven points of the RePAD papers. */
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  readonly microsecondsPerPoint: number;
}

/** Results by set, then by detector; NAB's scores by detector where the sets are NAB. */
export interface AnomalyEvaluation {
  readonly sets: Record<string, Record<string, AnomalyResult>>;
  readonly mean: Record<string, AnomalyResult>;
  readonly nab?: Record<string, Record<NabProfileName, number>>;
  /** The same with the threshold chosen on every other file and applied to the rest, both ways. */
  readonly nabTwoFold?: Record<string, Record<NabProfileName, number>>;
}

/** Runs every detector over every set, one row after the other, and scores what it said at the time. */
export function evaluateAnomalies(
  sets: readonly AnomalySet[],
  detectors: readonly string[],
  progress: Progress,
  seed?: number,
): AnomalyEvaluation {
  const results: Record<string, Record<string, AnomalyResult>> = Object.fromEntries(sets.map(({ name }) => [name, {}]));
  const nab: Record<string, Record<NabProfileName, number>> = {};
  const nabTwoFold: typeof nab = {};
  for (const name of detectors) {
    const series: NabSeries[] = [];
    for (const set of sets) {
      const { scores, result } = evaluateSet(observer(name, set, seed), set, (done, total) =>
        progress.report(`${name} ${set.name}`, done, total),
      );
      results[set.name]![name] = result;
      if (set.windows) series.push({ scores, windows: set.windows });
    }
    if (series.length < sets.length) continue;
    nab[name] = byProfile((profile) => nabOptimise(series, NAB_PROFILES[profile]).score);
    nabTwoFold[name] = byProfile((profile) => twoFold(series, profile));
  }
  const isNab = Object.keys(nab).length > 0;
  return { sets: results, mean: means(results, detectors), ...(isNab && { nab, nabTwoFold }) };
}

/** @throws Error where a reference has nothing to be fitted on. */
function observer(name: string, set: AnomalySet, seed?: number): Observer {
  if (isDetectorName(name)) {
    const detector = createDetector(name, set.rows.channels.length, seed);
    return (ts, values) => detector.observe(ts, values);
  }
  if (!set.train) throw new Error(`${name} is fitted on a training file; ${set.name} has none`);
  const pca = new OfflinePca(set.train);
  const smoothing = REFERENCES[name as keyof typeof REFERENCES];
  let severity = 0;
  return (_ts, values) => {
    severity += smoothing * (pca.score(values) - severity);
    return { score: 0, severity };
  };
}

function evaluateSet(
  observe: Observer,
  set: AnomalySet,
  progress: (done: number, total: number) => void,
): { scores: Float64Array; result: AnomalyResult } {
  const { rows, train, labels, evaluateFrom } = set;
  const total = rows.times.length + (train?.times.length ?? 0);
  const started = performance.now();
  if (train) observeAll(observe, before(train, rows), (_, row) => report(row, 0));
  const trained = train?.times.length ?? 0;
  const scores = new Float64Array(rows.times.length);
  const severities = new Float64Array(rows.times.length);
  observeAll(observe, rows, (detection, row) => {
    scores[row] = detection.score;
    severities[row] = detection.severity;
    report(row, trained);
  });
  const microsecondsPerPoint = ((performance.now() - started) * 1000) / total;

  const scored = labels.subarray(evaluateFrom);
  const flagged = Uint8Array.from(scores.subarray(evaluateFrom), (score) => (score > 1 ? 1 : 0));
  const { events, eventsFound, alarms, delay, precision, recall, f1 } = eventScores(scored, flagged);
  const window = set.vusWindow ?? vusWindow(rows.channels[0]!.subarray(evaluateFrom));
  const vus = volumeUnderSurface(scored, severities.subarray(evaluateFrom), window);
  const alarmsPer1000 = (1000 * alarms) / scored.length;
  const counts = { events, eventsFound, alarms, alarmsPer1000, delay };
  return { scores, result: { ...vus, ...counts, precision, recall, f1, microsecondsPerPoint } };

  function report(row: number, offset: number): void {
    const done = row + offset + 1;
    if (done % CHUNK === 0 || done === total) progress(done, total);
  }
}

function observeAll(
  observe: Observer,
  { times, channels }: AnomalyRows,
  visit: (detection: ReturnType<Observer>, row: number) => void,
): void {
  const values = new Float64Array(channels.length);
  for (let row = 0; row < times.length; row++) {
    for (let i = 0; i < channels.length; i++) values[i] = channels[i]![row]!;
    visit(observe(times[row]!, values), row);
  }
}

/** Training rows moved back in time, by whole days, so that they end before the first row that is scored. */
function before(train: AnomalyRows, rows: AnomalyRows): AnomalyRows {
  const overlap = train.times.at(-1)! - rows.times[0]!;
  if (overlap < 0) return train;
  const day = 86_400_000;
  const shift = (Math.floor(overlap / day) + 1) * day;
  return { ...train, times: train.times.map((ts) => ts - shift) };
}

function byProfile(score: (profile: NabProfileName) => number): Record<NabProfileName, number> {
  return {
    standard: score('standard'),
    reward_low_fp: score('reward_low_fp'),
    reward_low_fn: score('reward_low_fn'),
  };
}

/** Every other file chooses the threshold for the rest, both ways; weighed by windows, as NAB's total is. */
function twoFold(series: readonly NabSeries[], name: NabProfileName): number {
  const profile = NAB_PROFILES[name];
  const halves = [0, 1].map((half) => series.filter((_, i) => i % 2 === half)) as [NabSeries[], NabSeries[]];
  const windows = (half: NabSeries[]) => half.reduce((sum, one) => sum + one.windows.length, 0);
  const scored = ([chosenOn, scoredOn]: [NabSeries[], NabSeries[]]) =>
    nabScoreAt(scoredOn, profile, nabOptimise(chosenOn, profile).threshold).score * windows(scoredOn);
  return (scored(halves) + scored([halves[1], halves[0]])) / windows([...series]);
}

/** Means over the sets on which a score is defined. */
function means(results: AnomalyEvaluation['sets'], detectors: readonly string[]): Record<string, AnomalyResult> {
  return Object.fromEntries(
    detectors.map((name) => {
      const scores = Object.values(results).map((set) => set[name]!);
      const keys = Object.keys(scores[0]!) as (keyof AnomalyResult)[];
      const mean = (key: keyof AnomalyResult) => {
        const defined = scores.map((score) => score[key]).filter(Number.isFinite);
        return defined.reduce((sum, value) => sum + value, 0) / defined.length;
      };
      return [name, Object.fromEntries(keys.map((key) => [key, mean(key)])) as Record<keyof AnomalyResult, number>];
    }),
  );
}
