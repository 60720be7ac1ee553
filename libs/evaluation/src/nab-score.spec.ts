import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

import { describeWithShared, sharedFolder } from '../../../test/support/shared-folder.js';

import {
  NAB_PROFILES,
  nabOptimise,
  nabProbation,
  nabScoreAt,
  type NabProfileName,
  type NabSeries,
} from './nab-score.js';

const sigmoid = (y: number) => 2 / (1 + Math.exp(5 * y)) - 1;
/** 1,000 rows (150 of probation) with a window at rows 500 … 599 and scores where they are given. */
const toy = (scores: Record<number, number>): NabSeries[] => [
  { scores: Float64Array.from({ length: 1000 }, (_, i) => scores[i] ?? 0), windows: [[500, 599]] },
];

describe('nabScoreAt', () => {
  const { standard } = NAB_PROFILES;

  it('gives 100 for a detection at the first row of each window and 0 for silence', () => {
    expect(nabScoreAt(toy({ 500: 1 }), standard, 0.5).score).toBe(100);
    expect(nabScoreAt(toy({}), standard, 0.5).score).toBe(0);
  });

  it('takes the earliest of several detections in a window', () => {
    const { raw } = nabScoreAt(toy({ 550: 0.7, 590: 0.9 }), standard, 0.5);

    expect(raw).toBeCloseTo(sigmoid(-0.5) / sigmoid(-1), 12);
  });

  it('charges a false alarm in full before the first window, and little just behind one', () => {
    expect(nabScoreAt(toy({ 500: 1, 200: 1 }), standard, 0.5).raw).toBeCloseTo(1 - 0.11, 12);
    expect(nabScoreAt(toy({ 500: 1, 600: 1 }), standard, 0.5).raw).toBeCloseTo(1 + 0.11 * sigmoid(1 / 99), 12);
    expect(nabScoreAt(toy({ 500: 1, 950: 1 }), standard, 0.5).raw).toBeCloseTo(1 - 0.11, 12);
  });

  it('passes over probation: 15 % of the rows, at most 750', () => {
    expect(nabScoreAt(toy({ 149: 1 }), standard, 0.5).raw).toBe(-1);
    expect(nabProbation(1000)).toBe(150);
    expect(nabProbation(22_000)).toBe(750);
  });
});

describe('nabOptimise', () => {
  it('agrees with trying every distinct score', () => {
    const scores = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [200 + i * 2, ((i * 37) % 100) / 100]));
    const series = [...toy(scores), ...toy({ 510: 0.4, 700: 0.9, 300: 0.9 })];
    for (const profile of Object.values(NAB_PROFILES)) {
      const tried = [1.1, ...new Set(series.flatMap((one) => [...one.scores]))].map((threshold) =>
        nabScoreAt(series, profile, threshold),
      );
      const best = tried.reduce((a, b) => (b.raw > a.raw ? b : a));

      expect(nabOptimise(series, profile).raw).toBeCloseTo(best.raw, 10);
    }
  });

  it('prefers silence to alarms that cost more than they find', () => {
    const series = toy(Object.fromEntries(Array.from({ length: 340 }, (_, i) => [151 + i, 1])));

    expect(nabOptimise(series, NAB_PROFILES.standard)).toEqual({ threshold: 1.1, raw: -1, score: 0 });
  });

  it('never detects a row without a score', () => {
    expect(nabOptimise(toy({ 500: Number.NaN }), NAB_PROFILES.standard).raw).toBeLessThanOrEqual(-1);
  });
});

describeWithShared('golden/nab', 'NAB, published detectors', (golden) => {
  const data = join(sharedFolder('datasets') ?? '', 'anomaly/nab');
  interface Expected {
    published_threshold_scores_csv: number;
    published_final_results: number;
    raw_at_published_threshold: number;
    exhaustive_sweep_raw: number;
    exhaustive_sweep_normalized: number;
  }
  const expected = () =>
    (
      JSON.parse(readFileSync(join(golden, 'expected.json'), 'utf8')) as {
        detectors: Record<string, Record<string, Expected>>;
      }
    ).detectors;
  const PROFILES = {
    standard: 'standard',
    reward_low_FP_rate: 'reward_low_fp',
    reward_low_FN_rate: 'reward_low_fn',
  } as const satisfies Record<string, NabProfileName>;

  it.each(['numenta', 'randomCutForest', 'windowedGaussian'])('scores %s as published, in all profiles', (detector) => {
    const series = publishedSeries(golden, data, detector);
    for (const [name, numbers] of Object.entries(expected()[detector]!)) {
      const profile = NAB_PROFILES[PROFILES[name as keyof typeof PROFILES]];
      const at = nabScoreAt(series, profile, numbers.published_threshold_scores_csv);
      const best = nabOptimise(series, profile);

      expect(at.raw).toBeCloseTo(numbers.raw_at_published_threshold, 8);
      expect(at.score).toBeCloseTo(numbers.published_final_results, 8);
      expect(best.raw).toBeCloseTo(numbers.exhaustive_sweep_raw, 8);
      expect(best.score).toBeCloseTo(numbers.exhaustive_sweep_normalized, 8);
    }
  });
});

function publishedSeries(golden: string, data: string, detector: string): NabSeries[] {
  const windows = JSON.parse(readFileSync(join(data, 'labels/combined_windows.json'), 'utf8')) as Record<
    string,
    [string, string][]
  >;
  const files = new Map<string, number[]>();
  let scores: number[] = [];
  const text = gunzipSync(readFileSync(join(golden, `${detector}.scores.csv.gz`))).toString();
  for (const line of text.trim().split('\n').slice(1)) {
    const [file, , score] = line.split(',');
    if (file !== '') files.set(file!, (scores = []));
    scores.push(Number(score));
  }
  return [...files].map(([file, scores]) => {
    const times = readFileSync(join(data, 'data', file), 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.split(',')[0]!);
    const row = (time: string) => times.indexOf(time.split('.')[0]!);
    return {
      scores: Float64Array.from(scores),
      windows: windows[file]!.map(([from, to]) => [row(from), row(to)] as const),
    };
  });
}
