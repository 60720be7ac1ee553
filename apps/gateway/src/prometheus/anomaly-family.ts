import { METRIC_NAME, signature, type Labels, type Matcher, type Samples } from '@app/promql';
import { ReadDatabase } from '@app/persistence';
import { Injectable } from '@nestjs/common';
import { dateOf, tooManySamples } from './limits.js';
import { matchesAll, type MetricFamily, type Scope, type SeriesRequest, type TimeRange } from './metric-family.js';
import { candidatesFor, stepLookback } from './series-finder.js';
import { tidecastLabels, type NamedSeries } from './series-labels.js';

const METRICS = {
  tidecast_anomaly_score: 'score',
  tidecast_anomaly_grade: 'grade',
  tidecast_anomaly_expected: 'expected',
  tidecast_anomaly_alert: 'alert',
} as const;
type Metric = keyof typeof METRICS;

/** How far back the newest anomaly is looked for, as the spacing of a series is known only with it. */
const FARTHEST_MS = 32 * 86_400_000;

interface AnomalyRow extends NamedSeries {
  readonly ts: Date;
  readonly score: number;
  readonly grade: number;
  readonly expected: number | null;
  readonly alert: number;
  readonly freq: string | null;
}

/** The channels of an item judged together have the labels and the spacing of its first series. */
const SERIES_OF = `
  LEFT JOIN LATERAL (
    SELECT labels, freq FROM series s
    WHERE s.item_id = a.item_id AND (a.channel IS NULL OR s.channel = a.channel)
    ORDER BY s.channel LIMIT 1
  ) s ON true`;
const WHERE = `
  WHERE ($1::text[] IS NULL OR a.item_id = ANY ($1)) AND ($2::text[] IS NULL OR a.item_id ^@ ANY ($2))
    AND ($3::timestamptz IS NULL OR a.ts >= $3) AND ($4::timestamptz IS NULL OR a.ts <= $4)`;

/** Anomalies at the times of their points; between them there is nothing. */
@Injectable()
export class AnomalyFamily implements MetricFamily {
  readonly metadata = {
    tidecast_anomaly_score: { type: 'gauge', help: 'How anomalous a point is; above 1 it is an anomaly.', unit: '' },
    tidecast_anomaly_grade: { type: 'gauge', help: 'Severity of an anomaly, from 0 to 1.', unit: '' },
    tidecast_anomaly_expected: { type: 'gauge', help: 'What was expected instead, where one value was.', unit: '' },
    tidecast_anomaly_alert: { type: 'gauge', help: 'Whether somebody was told of an anomaly: 1 or 0.', unit: '' },
  } as const;

  constructor(private readonly database: ReadDatabase) {}

  async samples(request: SeriesRequest, scope: Scope): Promise<Samples[]> {
    const metrics = metricsOf(request.matchers);
    if (metrics.length === 0) return [];
    const from = request.looksBack ? request.fromMs - (scope.lookbackMs ?? FARTHEST_MS) : request.fromMs;
    const rows = await this.database.query<AnomalyRow[]>(
      `SELECT a.item_id, a.channel, a.ts, a.score, a.grade, a.expected, a.alert::int AS alert, s.labels, s.freq
       FROM anomalies a ${SERIES_OF} ${WHERE}
       ORDER BY a.item_id, a.channel, a.ts LIMIT $5`,
      [...this.#parameters(request.matchers, { fromMs: from, toMs: request.toMs }, scope), scope.maxSamples + 1],
    );
    if (rows.length * metrics.length > scope.maxSamples) throw tooManySamples(scope.maxSamples);
    return metrics.flatMap((metric) => seriesOf(metric, rows, request.matchers, scope));
  }

  async labels(matchers: readonly Matcher[], range: TimeRange | undefined, scope: Scope): Promise<Labels[]> {
    const metrics = metricsOf(matchers);
    if (metrics.length === 0) return [];
    const rows = await this.database.query<NamedSeries[]>(
      `SELECT a.item_id, a.channel, s.labels
       FROM (SELECT DISTINCT item_id, channel FROM anomalies a ${WHERE}) a ${SERIES_OF}`,
      this.#parameters(matchers, range, scope),
    );
    return metrics
      .flatMap((metric) => rows.map((row) => tidecastLabels(metric, row)))
      .filter((labels) => matchesAll(labels, matchers));
  }

  #parameters(matchers: readonly Matcher[], range: TimeRange | undefined, { itemPrefixes }: Scope): unknown[] {
    const items = candidatesFor('item_id', matchers);
    return [items ?? null, itemPrefixes, range ? dateOf(range.fromMs) : null, range ? dateOf(range.toMs) : null];
  }
}

function metricsOf(matchers: readonly Matcher[]): Metric[] {
  const named = matchers.filter(({ label }) => label === METRIC_NAME);
  return (Object.keys(METRICS) as Metric[]).filter((metric) => named.every((matcher) => matcher.matches(metric)));
}

/** Rows come by series and time; of anomalies that share a time the last one counts. */
function seriesOf(metric: Metric, rows: readonly AnomalyRow[], matchers: readonly Matcher[], scope: Scope): Samples[] {
  const found = new Map<string, { labels: Labels; points: Map<number, number>; lookbackMs: number }>();
  for (const row of rows) {
    const value = row[METRICS[metric]];
    const labels = tidecastLabels(metric, row);
    if (value === null || !matchesAll(labels, matchers)) continue;
    const key = signature(labels);
    let one = found.get(key);
    if (!one) {
      one = { labels, points: new Map(), lookbackMs: stepLookback(row.freq, scope) };
      found.set(key, one);
    }
    one.points.set(row.ts.getTime(), value);
  }
  return [...found.values()].map(({ labels, points, lookbackMs }) => ({
    labels,
    ts: Float64Array.from(points.keys()),
    values: Float64Array.from(points.values()),
    lookbackMs,
  }));
}
