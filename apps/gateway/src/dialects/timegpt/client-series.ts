import { PlatformError } from '@app/observability';
import type { InlineSeries } from '../../../../forecaster/src/forecast-client.js';
import { CONTEXT_LENGTH } from '../../../../forecaster/src/series-context.js';
import { invalid, notSupported } from '../api-error.js';
import { inlineSeries, readTime } from '../inline-series.js';
import { parsePandasFrequency, type NamedFrequency } from '../pandas-frequency.js';
import type { SeriesPayload, SharedRequest } from './timegpt.schema.js';

/** The first time of series that come without: integers, or a zone with daylight saving. Only calendars would depend on it. */
const ANY_START = Date.UTC(2000, 0, 1);

/** One series of a request; the client does not tell its name, so it goes by its place. */
export class ClientSeries {
  constructor(
    /** `#0` is the first. */
    readonly name: string,
    /** Where in `y` it begins. */
    readonly offset: number,
    readonly values: readonly (number | null)[],
    private readonly start: number,
    private readonly named: NamedFrequency,
    /** Historical features, one list each, as long as the values. */
    private readonly features: readonly (readonly (number | null)[])[],
  ) {}

  get size(): number {
    return this.values.length;
  }

  /**
   * The newest points before one, as a series that comes along: of those, forecasters see no more than their context.
   *
   * @param end index of the first value that is not seen.
   */
  upTo(end: number, itemId: string, channel: string): InlineSeries {
    return this.#cut(this.values, end, itemId, channel);
  }

  /** The features up to the same point, as further channels of the item. */
  featuresUpTo(end: number, itemId: string): InlineSeries[] {
    return this.features.map((feature, i) => this.#cut(feature, end, itemId, `x${i}`));
  }

  #cut(values: readonly (number | null)[], end: number, itemId: string, channel: string): InlineSeries {
    const from = Math.max(0, end - CONTEXT_LENGTH);
    const start = this.named.freq.addTo(this.start, from);
    return inlineSeries({ itemId, channel, named: this.named, start, target: values.slice(from, end) });
  }
}

/**
 * The series of a request.
 *
 * @throws PlatformError for lists that don't fit together, for times that can't be read, and for what no model here uses.
 */
export function clientSeries(request: SharedRequest): ClientSeries[] {
  const { series, freq } = request;
  checkSizes(series);
  const named = parsePandasFrequency(freq);
  const features = historicalFeatures(request);
  let offset = 0;
  return series.sizes.map((size, i) => {
    const part = (values: readonly (number | null)[]) => values.slice(offset, offset + size);
    const one = new ClientSeries(`#${i}`, offset, part(series.y), startOf(series, i), named, features.map(part));
    offset += size;
    return one;
  });
}

function checkSizes({ y, sizes, start_datetime, X }: SeriesPayload): void {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (total !== y.length) {
    throw invalid(`series.sizes add up to ${total}, but series.y has ${y.length} values; send them in full`);
  }
  if (start_datetime && start_datetime.length !== sizes.length) {
    const message = `series.start_datetime has ${start_datetime.length} entries for ${sizes.length} series`;
    throw invalid(`${message}; give one a series, or leave it out`);
  }
  const short = X?.findIndex((feature) => feature.length !== y.length) ?? -1;
  if (short >= 0) {
    throw invalid(
      `series.X[${short}] has ${X![short]!.length} values, but series.y has ${y.length}; send them in full`,
    );
  }
}

function startOf({ start_datetime }: SeriesPayload, i: number): number {
  const text = start_datetime?.[i];
  if (text === undefined) return ANY_START;
  const time = readTime(text);
  if (time) return time.toMillis();
  const shown = JSON.stringify(text.slice(0, 40));
  const message = `series #${i}: start_datetime ${shown} is not usable; write an ISO-8601 time such as 2026-01-01T00:00:00`;
  throw new PlatformError('TS_INVALID', message, { itemId: `#${i}` });
}

/** Features that are known up to the cutoff. What is known of the future is of no use to any model here, so it is refused. */
function historicalFeatures({ series, hist_exog }: SharedRequest): (number | null)[][] {
  const { X, X_future, categorical_exog } = series;
  if (categorical_exog && categorical_exog.length > 0) {
    throw notSupported('categorical features are not used by any model here; leave categorical_exog_list out');
  }
  if (X_future && X_future.length > 0) {
    const remedy = 'leave X_df and date_features out, or name the columns in hist_exog_list to have their past used';
    throw notSupported(`features known ahead (X_df, date_features) are not used by any model here; ${remedy}`);
  }
  if (!X || X.length === 0) return [];
  // A forecast without X_future has historical ones only and does not list them.
  const historical = new Set(hist_exog ?? (X_future === undefined ? [] : X.keys()));
  if (X.some((_, i) => !historical.has(i))) {
    const remedy = 'leave these columns and date_features out, or name them in hist_exog_list to have their past used';
    throw notSupported(`features that are taken as known ahead are not used by any model here; ${remedy}`);
  }
  return X.map((feature, i) => feature.map((value, at) => numberOf(value, i, at)));
}

function numberOf(value: unknown, feature: number, at: number): number | null {
  if (value === null || typeof value === 'number') return value;
  throw invalid(`series.X[${feature}][${at}] is no number; write null for a gap`, 'VALUE_NOT_FINITE');
}
