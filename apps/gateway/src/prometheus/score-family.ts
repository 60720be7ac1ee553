import { METRIC_NAME, type Labels, type Matcher, type Samples } from '@app/promql';
import { ReadDatabase } from '@app/persistence';
import { Injectable } from '@nestjs/common';
import { dateOf, tooManySamples } from './limits.js';
import { matchesAll, type MetricFamily, type Scope, type SeriesRequest, type TimeRange } from './metric-family.js';
import { SeriesFinder, type StoredSeries } from './series-finder.js';
import { tidecastLabels } from './series-labels.js';

const DAY_MS = 86_400_000;

interface ScoreRow {
  readonly series_id: number;
  readonly model: string;
  readonly lead_bucket: number;
  /** Midnights of days, UTC, in epoch milliseconds. */
  readonly days: number[];
  readonly points: number[];
  readonly wql: (number | null)[];
  readonly mase: (number | null)[];
  readonly mae: number[];
  readonly coverage_80: number[];
  readonly coverage_95: number[];
  readonly width_80: number[];
  readonly width_95: number[];
}
type Column = Exclude<keyof ScoreRow, 'series_id' | 'model' | 'lead_bucket' | 'days'>;

interface Metric {
  readonly name: string;
  readonly column: Column;
  readonly coverage?: string;
}

const METRICS: readonly Metric[] = [
  { name: 'tidecast_forecast_coverage', column: 'coverage_80', coverage: '0.8' },
  { name: 'tidecast_forecast_coverage', column: 'coverage_95', coverage: '0.95' },
  { name: 'tidecast_forecast_width', column: 'width_80', coverage: '0.8' },
  { name: 'tidecast_forecast_width', column: 'width_95', coverage: '0.95' },
  { name: 'tidecast_forecast_wql', column: 'wql' },
  { name: 'tidecast_forecast_mase', column: 'mase' },
  { name: 'tidecast_forecast_mae', column: 'mae' },
  { name: 'tidecast_forecast_scored_points', column: 'points' },
];

const SCORES = `
  SELECT c.series_id, c.model, c.lead_bucket,
         array_agg(extract(epoch FROM c.day)::float8 * 1000 ORDER BY c.day) AS days,
         array_agg(c.points::float8 ORDER BY c.day) AS points,
         array_agg(c.loss / nullif(c.abs_actual, 0) ORDER BY c.day) AS wql,
         array_agg(c.scaled_error / nullif(c.scaled_points, 0) ORDER BY c.day) AS mase,
         array_agg(c.abs_error / c.points ORDER BY c.day) AS mae,
         array_agg(c.inside_80 / c.points ORDER BY c.day) AS coverage_80,
         array_agg(c.inside_95 / c.points ORDER BY c.day) AS coverage_95,
         array_agg(c.width_80 / c.points ORDER BY c.day) AS width_80,
         array_agg(c.width_95 / c.points ORDER BY c.day) AS width_95
  FROM (
    SELECT * FROM scores
    WHERE series_id = ANY ($1) AND points > 0
      AND day >= ($2::timestamptz AT TIME ZONE 'UTC')::date AND day <= ($3::timestamptz AT TIME ZONE 'UTC')::date
    LIMIT $4
  ) c
  GROUP BY c.series_id, c.model, c.lead_bucket`;

/** How forecasts did, by day of the actual: the score of a day stands at its begin, UTC, and holds for the day. */
@Injectable()
export class ScoreFamily implements MetricFamily {
  readonly metadata = {
    tidecast_forecast_coverage: gauge('Share of the actuals inside the interval of the label coverage.', 'ratio'),
    tidecast_forecast_width: gauge('Mean width of the interval of the label coverage.'),
    tidecast_forecast_wql: gauge('Weighted quantile loss.', 'ratio'),
    tidecast_forecast_mase: gauge('Absolute error of the median by that of seasonal naive.', 'ratio'),
    tidecast_forecast_mae: gauge('Mean absolute error of the median.'),
    tidecast_forecast_scored_points: gauge('Steps of forecasts whose actual has arrived: weigh the others by it.'),
  };

  constructor(
    private readonly finder: SeriesFinder,
    private readonly database: ReadDatabase,
  ) {}

  async samples(request: SeriesRequest, scope: Scope): Promise<Samples[]> {
    const metrics = metricsOf(request.matchers);
    if (metrics.length === 0) return [];
    const lookbackMs = scope.lookbackMs ?? DAY_MS;
    const fromMs = request.looksBack ? request.fromMs - lookbackMs : request.fromMs;
    const range = { fromMs, toMs: request.toMs };
    const { rows, series } = await this.#rows(request.matchers, range, scope);
    return metrics
      .flatMap((metric) => rows.map((row) => samplesOf(metric, row, series.get(row.series_id)!, range, lookbackMs)))
      .filter(({ labels, ts }) => ts.length > 0 && matchesAll(labels, request.matchers));
  }

  async labels(matchers: readonly Matcher[], range: TimeRange | undefined, scope: Scope): Promise<Labels[]> {
    const metrics = metricsOf(matchers);
    if (metrics.length === 0) return [];
    const always = { fromMs: Number.NEGATIVE_INFINITY, toMs: Number.POSITIVE_INFINITY };
    const { rows, series } = await this.#rows(matchers, range ?? always, scope);
    return metrics
      .flatMap((metric) => rows.map((row) => labelsOfScore(metric, row, series.get(row.series_id)!)))
      .filter((labels) => matchesAll(labels, matchers));
  }

  async #rows(matchers: readonly Matcher[], range: TimeRange, scope: Scope) {
    const found = await this.finder.find(matchers, scope);
    const series = new Map(found.map((one) => [one.series_id, one]));
    const rows = await this.database.query<ScoreRow[]>(SCORES, [
      [...series.keys()],
      dateOf(range.fromMs),
      dateOf(range.toMs),
      scope.maxSamples + 1,
    ]);
    const days = rows.reduce((sum, row) => sum + row.days.length, 0);
    if (days > scope.maxSamples) throw tooManySamples(scope.maxSamples);
    return { rows, series };
  }
}

function gauge(help: string, unit = ''): { type: 'gauge'; help: string; unit: string } {
  return { type: 'gauge', help, unit };
}

function metricsOf(matchers: readonly Matcher[]): Metric[] {
  const named = matchers.filter(({ label }) => label === METRIC_NAME);
  return METRICS.filter(({ name }) => named.every((matcher) => matcher.matches(name)));
}

function labelsOfScore({ name, coverage }: Metric, { model, lead_bucket }: ScoreRow, series: StoredSeries): Labels {
  const own = { model, lead_bucket: String(lead_bucket), ...(coverage !== undefined && { coverage }) };
  return tidecastLabels(name, series, own);
}

/** Without the days that begin before the range, and those whose score can't be told. */
function samplesOf(metric: Metric, row: ScoreRow, series: StoredSeries, range: TimeRange, lookbackMs: number): Samples {
  const values = row[metric.column];
  const places = row.days
    .map((_, i) => i)
    .filter((i) => values[i] !== null && row.days[i]! >= range.fromMs && row.days[i]! <= range.toMs);
  return {
    labels: labelsOfScore(metric, row, series),
    ts: Float64Array.from(places, (i) => row.days[i]!),
    values: Float64Array.from(places, (i) => values[i]!),
    lookbackMs,
  };
}
