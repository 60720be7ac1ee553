import { METRIC_NAME, type Labels, type Matcher, type Samples } from '@app/promql';
import { Frequency } from '@app/series';
import { ReadDatabase } from '@app/persistence';
import { Injectable } from '@nestjs/common';
import { matchesAll, type MetricFamily, type Scope, type SeriesRequest, type TimeRange } from './metric-family.js';
import { unpackPoints } from './packed-points.js';
import { dateOf, tooManySamples } from './limits.js';
import { candidatesFor, observationLookback, SeriesFinder, type StoredSeries } from './series-finder.js';
import { OBSERVATION, prometheusLabels, tidecastLabels } from './series-labels.js';

/** Points of one query, about: series are read together until they may have so many. */
const BATCH_POINTS = 500_000;

/** Each series by itself, so that the index gives its points in order; $4 is there for the planner to leave months out. */
const POINTS = `
  SELECT s.place, p.points
  FROM unnest($1::int[], $2::timestamptz[]) WITH ORDINALITY AS s (series_id, from_ts, place)
  CROSS JOIN LATERAL (
    SELECT string_agg(timestamptz_send(o.ts) || float8send(o.value), '' ORDER BY o.ts) AS points
    FROM (
      SELECT ts, value FROM observations
      WHERE series_id = s.series_id AND ts >= s.from_ts AND ts >= $4 AND ts <= $3
      ORDER BY ts LIMIT $5
    ) o
  ) p
  ORDER BY s.place`;

interface MatchedSeries {
  readonly series: StoredSeries;
  readonly labels: Labels;
}

/** Observations: `tidecast_observation`, and series that came from Prometheus under their own names. */
@Injectable()
export class ObservationFamily implements MetricFamily {
  readonly metadata = {
    [OBSERVATION]: { type: 'gauge', help: 'Observed values of a series, in its own unit.', unit: '' },
  } as const;

  constructor(
    private readonly finder: SeriesFinder,
    private readonly database: ReadDatabase,
  ) {}

  async samples(request: SeriesRequest, scope: Scope): Promise<Samples[]> {
    const matched = await this.#matched(request.matchers, scope);
    const samples: Samples[] = [];
    let left = scope.maxSamples;
    for (const batch of batches(matched, request, scope)) {
      for (const one of await this.#read(batch, request, scope, left)) {
        left -= one.ts.length;
        if (one.ts.length > 0) samples.push(one);
      }
      if (left < 0) throw tooManySamples(scope.maxSamples);
    }
    return samples;
  }

  async labels(matchers: readonly Matcher[], range: TimeRange | undefined, scope: Scope): Promise<Labels[]> {
    const matched = await this.#matched(matchers, scope);
    if (!range) return matched.map(({ labels }) => labels);
    const rows = await this.database.query<{ series_id: number }[]>(
      `SELECT s.series_id FROM unnest($1::int[]) AS s (series_id)
       WHERE EXISTS (SELECT FROM observations o WHERE o.series_id = s.series_id AND o.ts BETWEEN $2 AND $3)`,
      [matched.map(({ series }) => series.series_id), dateOf(range.fromMs), dateOf(range.toMs)],
    );
    const there = new Set(rows.map(({ series_id }) => series_id));
    return matched.filter(({ series }) => there.has(series.series_id)).map(({ labels }) => labels);
  }

  async #matched(matchers: readonly Matcher[], scope: Scope): Promise<MatchedSeries[]> {
    const names = candidatesFor(METRIC_NAME, matchers);
    const metric = names && !names.includes(OBSERVATION) ? 'named' : 'any';
    const found = await this.finder.find(matchers, scope, metric);
    return found
      .map((series) => ({ series, labels: prometheusLabels(series) ?? tidecastLabels(OBSERVATION, series) }))
      .filter(({ labels }) => matchesAll(labels, matchers));
  }

  async #read(batch: readonly MatchedSeries[], request: SeriesRequest, scope: Scope, left: number): Promise<Samples[]> {
    const from = batch.map(({ series }) => firstMs(series, request, scope));
    const rows = await this.database.query<{ points: Buffer | null }[]>(POINTS, [
      batch.map(({ series }) => series.series_id),
      from.map(dateOf),
      dateOf(request.toMs),
      dateOf(Math.min(...from)),
      left + 1,
    ]);
    return rows.map(({ points }, i) => {
      const { series, labels } = batch[i]!;
      return { labels, ...unpackPoints(points), lookbackMs: observationLookback(series.freq, scope) };
    });
  }
}

function firstMs({ freq }: StoredSeries, { fromMs, looksBack }: SeriesRequest, scope: Scope): number {
  return looksBack ? fromMs - observationLookback(freq, scope) : fromMs;
}

/** Series in groups that may have so many points together, by their spacing; one of an unknown spacing by itself. */
function* batches(matched: readonly MatchedSeries[], request: SeriesRequest, scope: Scope): Generator<MatchedSeries[]> {
  let batch: MatchedSeries[] = [];
  let points = 0;
  for (const one of matched) {
    const step = Frequency.parse(one.series.freq ?? '')?.approxMs;
    const expected =
      step === undefined ? BATCH_POINTS : (request.toMs - firstMs(one.series, request, scope)) / step + 1;
    if (batch.length > 0 && points + expected > BATCH_POINTS) {
      yield batch;
      batch = [];
      points = 0;
    }
    batch.push(one);
    points += expected;
  }
  if (batch.length > 0) yield batch;
}
