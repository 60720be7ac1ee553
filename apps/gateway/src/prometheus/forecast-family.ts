import { METRIC_NAME, type Labels, type Matcher, type Samples } from '@app/promql';
import { Frequency } from '@app/series';
import { ReadDatabase } from '@app/persistence';
import { Injectable } from '@nestjs/common';
import { dateOf, tooManySamples } from './limits.js';
import { matchesAll, type MetricFamily, type Scope, type SeriesRequest, type TimeRange } from './metric-family.js';
import { unpackDoubles } from './packed-points.js';
import { stepLookback, SeriesFinder, type StoredSeries } from './series-finder.js';
import { tidecastLabels } from './series-labels.js';

const QUANTILES = 'tidecast_forecast';
const MEAN = 'tidecast_forecast_mean';

interface Header {
  readonly forecast_id: string;
  readonly series_id: number;
  readonly cutoff: Date;
  readonly freq: string;
  readonly time_zone: string;
  readonly horizon: number;
  readonly model: string;
  readonly levels: number[];
}

/** Newest first; a step is taken from the newest forecast that has it, so that the order says which. */
const HEADERS = `
  SELECT f.forecast_id, s.series_id, f.cutoff, f.freq, f.time_zone, f.horizon, f.model, f.levels
  FROM unnest($1::int[], $2::timestamptz[]) AS s (series_id, from_ts)
  LEFT JOIN forecast_spans r ON r.series_id = s.series_id
  CROSS JOIN LATERAL (
    SELECT * FROM forecasts
    WHERE series_id = s.series_id AND cutoff < $3 AND cutoff >= s.from_ts - coalesce(r.span, '100 years')
      AND ($4::timestamptz IS NULL OR issued_at <= $4)
    ORDER BY cutoff DESC, issued_at DESC
    LIMIT $5
  ) f`;

/** Steps first to last of each forecast, packed. */
const VALUES = `
  SELECT w.place,
         CASE WHEN $4 THEN (SELECT string_agg(float8send(m), '' ORDER BY n)
            FROM unnest(f.mean[w.first : w.last]) WITH ORDINALITY AS v (m, n)) END AS mean,
         CASE WHEN $5 THEN (SELECT string_agg(float8send(q), '' ORDER BY n)
            FROM unnest(f.quantiles[(w.first - 1) * cardinality(f.levels) + 1 : w.last * cardinality(f.levels)])
              WITH ORDINALITY AS v (q, n)) END AS quantiles
  FROM unnest($1::uuid[], $2::int[], $3::int[]) WITH ORDINALITY AS w (forecast_id, first, last, place)
  JOIN forecasts f USING (forecast_id)
  ORDER BY w.place`;

/** The steps of one forecast that no newer one has. */
interface Stretch {
  readonly header: Header;
  readonly steps: readonly number[];
  readonly ts: readonly number[];
}

/** One column of a forecast: the mean, or a level by its place. */
interface Column {
  readonly metric: string;
  readonly level: number | undefined;
  readonly place: number;
}

/** Points of one series to be, as they are gathered. */
interface Gathered {
  readonly labels: Labels;
  readonly points: [ts: number, value: number][];
  readonly lookbackMs: number;
}

/**
 * Forecasts at the times that they are for, which may lie ahead: every time from the newest forecast that covers it. What
 * lies behind is therefore what was said shortly before.
 */
@Injectable()
export class ForecastFamily implements MetricFamily {
  readonly metadata = {
    [QUANTILES]: { type: 'gauge', help: 'Forecast of a series at the quantile level of the label quantile.', unit: '' },
    [MEAN]: { type: 'gauge', help: 'Mean of the forecast of a series.', unit: '' },
  } as const;

  constructor(
    private readonly finder: SeriesFinder,
    private readonly database: ReadDatabase,
  ) {}

  async samples(request: SeriesRequest, scope: Scope): Promise<Samples[]> {
    const wanted = this.#wanted(request.matchers);
    if (wanted.length === 0) return [];
    const series = await this.#series(request.matchers, scope);
    const stretches = await this.#stretches(series, request, scope);
    const values = await this.#values(stretches, wanted);
    const gathered = new Map<string, Gathered | undefined>();
    let samples = 0;
    for (const [i, { header, steps, ts }] of stretches.entries()) {
      for (const { metric, level, place } of columnsOf(header, wanted)) {
        const key = `${header.series_id} ${header.model} ${metric} ${level ?? ''}`;
        if (!gathered.has(key)) {
          const labels = labelsOfForecast(metric, series.get(header.series_id)!, header.model, level);
          const lookbackMs = stepLookback(header.freq, scope);
          gathered.set(key, matchesAll(labels, request.matchers) ? { labels, points: [], lookbackMs } : undefined);
        }
        const into = gathered.get(key);
        if (!into) continue;
        samples += steps.length;
        if (samples > scope.maxSamples) throw tooManySamples(scope.maxSamples);
        const [column, width] = metric === MEAN ? [values[i]!.mean, 1] : [values[i]!.quantiles, header.levels.length];
        for (const [k, step] of steps.entries()) {
          into.points.push([ts[k]!, column[(step - steps[0]!) * width + place]!]);
        }
      }
    }
    return [...gathered.values()].filter((one) => one !== undefined).map(toSamples);
  }

  /** Without a range, of the newest forecast of each series. */
  async labels(matchers: readonly Matcher[], range: TimeRange | undefined, scope: Scope): Promise<Labels[]> {
    const wanted = this.#wanted(matchers);
    if (wanted.length === 0) return [];
    const series = await this.#series(matchers, scope);
    const rows = await this.database.query<Pick<Header, 'series_id' | 'model' | 'levels'>[]>(
      `SELECT DISTINCT f.series_id, f.model, f.levels
       FROM unnest($1::int[]) AS s (series_id)
       LEFT JOIN forecast_spans r ON r.series_id = s.series_id
       CROSS JOIN LATERAL (
         SELECT series_id, model, levels FROM forecasts
         WHERE series_id = s.series_id AND ($4::timestamptz IS NULL OR issued_at <= $4)
           AND ($2::timestamptz IS NULL OR cutoff >= $2 - coalesce(r.span, '100 years'))
           AND ($3::timestamptz IS NULL OR cutoff < $3)
         ORDER BY cutoff DESC, issued_at DESC
         LIMIT CASE WHEN $2::timestamptz IS NULL THEN 1 END
       ) f`,
      [[...series.keys()], range ? dateOf(range.fromMs) : null, range ? dateOf(range.toMs) : null, scope.asOf ?? null],
    );
    return rows
      .flatMap((row) =>
        columnsOf(row, wanted).map(({ metric, level }) =>
          labelsOfForecast(metric, series.get(row.series_id)!, row.model, level),
        ),
      )
      .filter((labels) => matchesAll(labels, matchers));
  }

  #wanted(matchers: readonly Matcher[]): string[] {
    const named = matchers.filter(({ label }) => label === METRIC_NAME);
    return Object.keys(this.metadata).filter((metric) => named.every((matcher) => matcher.matches(metric)));
  }

  async #series(matchers: readonly Matcher[], scope: Scope): Promise<Map<number, StoredSeries>> {
    const found = await this.finder.find(matchers, scope);
    return new Map(found.map((series) => [series.series_id, series]));
  }

  /** Which steps of which forecasts are shown in the range. */
  async #stretches(
    series: ReadonlyMap<number, StoredSeries>,
    request: SeriesRequest,
    scope: Scope,
  ): Promise<Stretch[]> {
    const ids = [...series.keys()];
    const from = ids.map((id) => {
      const lookback = request.looksBack ? stepLookback(series.get(id)!.freq, scope) : 0;
      return request.fromMs - lookback;
    });
    const headers = await this.database.query<Header[]>(HEADERS, [
      ids,
      from.map(dateOf),
      dateOf(request.toMs),
      scope.asOf ?? null,
      scope.maxSamples + 1,
    ]);
    if (headers.length > scope.maxSamples) throw tooManySamples(scope.maxSamples);
    const firstOf = new Map(ids.map((id, i) => [id, from[i]!]));
    const taken = new Map<number, Set<number>>(ids.map((id) => [id, new Set()]));
    return headers
      .map((header) => stretchOf(header, firstOf.get(header.series_id)!, request.toMs, taken.get(header.series_id)!))
      .filter(({ steps }) => steps.length > 0);
  }

  async #values(stretches: readonly Stretch[], wanted: readonly string[]) {
    const rows = await this.database.query<{ mean: Buffer | null; quantiles: Buffer | null }[]>(VALUES, [
      stretches.map(({ header }) => header.forecast_id),
      stretches.map(({ steps }) => steps[0]),
      stretches.map(({ steps }) => steps.at(-1)),
      wanted.includes(MEAN),
      wanted.includes(QUANTILES),
    ]);
    return rows.map(({ mean, quantiles }) => ({ mean: unpackDoubles(mean), quantiles: unpackDoubles(quantiles) }));
  }
}

function stretchOf(header: Header, fromMs: number, toMs: number, taken: Set<number>): Stretch {
  const freq = Frequency.parse(header.freq);
  const steps: number[] = [];
  const times: number[] = [];
  const last = freq ? header.horizon : 0;
  for (let step = 1; step <= last; step++) {
    const ts = freq!.addTo(header.cutoff.getTime(), step, header.time_zone);
    if (ts > toMs) break;
    if (ts < fromMs || taken.has(ts)) continue;
    taken.add(ts);
    steps.push(step);
    times.push(ts);
  }
  return { header, steps, ts: times };
}

/** The series that one forecast has points of: one a level, and the mean. */
function columnsOf({ levels }: Pick<Header, 'levels'>, wanted: readonly string[]): Column[] {
  return wanted.flatMap<Column>((metric) =>
    metric === MEAN
      ? [{ metric, level: undefined, place: 0 }]
      : levels.map((level, place) => ({ metric, level, place })),
  );
}

function labelsOfForecast(metric: string, series: StoredSeries, model: string, level: number | undefined): Labels {
  return tidecastLabels(metric, series, { model, ...(level !== undefined && { quantile: String(level) }) });
}

function toSamples({ labels, points, lookbackMs }: Gathered): Samples {
  points.sort(([a], [b]) => a - b);
  const column = (place: 0 | 1) => Float64Array.from(points, (point) => point[place]);
  return { labels, ts: column(0), values: column(1), lookbackMs };
}
