import type { ChangedPoint, CoveringForecast, ForecastStep, ScoreDelta } from '@app/persistence';
import { Frequency } from '@app/series';
import { addScores, leadBucket, NO_SCORES, scorePoint, type ScoreSums } from '@app/uncertainty';

/** A point and the step of a forecast that it is the actual of. */
export interface ScoredPair {
  readonly point: ChangedPoint;
  readonly forecastId: string;
  readonly step: number;
  readonly naiveError: number | null;
}

/** Pairs each point with the steps that foretold it: the nearest one on the grid of each forecast. */
export function pairSteps(points: readonly ChangedPoint[], forecasts: readonly CoveringForecast[]): ScoredPair[] {
  const freqs = new Map<string, Frequency | undefined>();
  return forecasts.flatMap(({ point: index, forecastId, cutoff, freq: text, timeZone, horizon, naiveError }) => {
    if (!freqs.has(text)) freqs.set(text, Frequency.parse(text));
    const point = points[index]!;
    const step = freqs.get(text)?.stepsBetween(cutoff.getTime(), point.ts, timeZone) ?? 0;
    return step >= 1 && step <= horizon ? [{ point, forecastId, step, naiveError }] : [];
  });
}

/**
 * What the pairs add to the scorecard: the score of each point's value, less that of the value that it was scored with
 * before.
 *
 * @param steps quantiles by position of the pair, of the forecast and of each of its shadows.
 */
export function scoreDeltas(pairs: readonly ScoredPair[], steps: readonly ForecastStep[]): ScoreDelta[] {
  const rows = new Map<string, Omit<ScoreDelta, 'points' | 'sums' | 'pinball'> & { scores: ScoreSums }>();
  for (const { position, model, quantiles } of steps) {
    const { point, step, naiveError } = pairs[position]!;
    const day = new Date(point.ts).toISOString().slice(0, 10);
    const key = { seriesId: point.seriesId, model, leadBucket: leadBucket(step), day };
    const id = Object.values(key).join(' ');
    let { scores } = rows.get(id) ?? { scores: NO_SCORES };
    const scale = naiveError ?? Number.NaN;
    if (point.scoredValue !== null) scores = addScores(scores, scorePoint(point.scoredValue, quantiles, scale), -1);
    scores = addScores(scores, scorePoint(point.value, quantiles, scale), 1);
    rows.set(id, { ...key, scores });
  }
  return [...rows.values()].map(({ scores, ...key }) => ({
    ...key,
    points: scores.points,
    pinball: scores.pinball,
    sums: {
      loss: scores.loss,
      abs_actual: scores.absActual,
      inside_80: scores.inside80,
      inside_95: scores.inside95,
      width_80: scores.width80,
      width_95: scores.width95,
      abs_error: scores.absError,
      scaled_error: scores.scaledError,
      scaled_points: scores.scaledPoints,
    },
  }));
}
