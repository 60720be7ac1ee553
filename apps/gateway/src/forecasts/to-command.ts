import { PlatformError } from '@app/observability';
import { Frequency } from '@app/series';
import type { ForecastCommand, InlineSeries, StoredSeries } from '../../../forecaster/src/forecast-client.js';
import type { ForecastRequest, InlineSeriesRequest } from './forecast.schema.js';

/** What the forecaster is told for a request. @throws PlatformError VALUE_NOT_FINITE for a target that is no number. */
export function toCommand(request: ForecastRequest, traceparent: string | undefined): ForecastCommand {
  const { horizon, model, as_of } = request;
  return {
    series: request.series?.map(inline) ?? stored(request),
    horizon,
    model,
    store: true,
    ...(as_of === undefined ? {} : { asOf: as_of.toISOString() }),
    ...(traceparent === undefined ? {} : { traceparent }),
  };
}

function stored({ item_id = [], channel }: ForecastRequest): StoredSeries[] {
  // An item that is named twice is forecast once.
  const itemIds = [...new Set([item_id].flat())];
  return itemIds.map((itemId) => (channel === undefined ? { itemId } : { itemId, channel }));
}

function inline(series: InlineSeriesRequest): InlineSeries {
  const { item_id, channel, freq, start, time_zone, season } = series;
  return {
    itemId: item_id,
    freq,
    start,
    target: checkedTarget(series),
    ...(channel === undefined ? {} : { channel }),
    ...(time_zone === undefined ? {} : { timeZone: time_zone }),
    ...(season === undefined ? {} : { season }),
  };
}

function checkedTarget(series: InlineSeriesRequest): (number | null)[] {
  const { item_id, target } = series;
  const bad = target.findIndex((value) => value !== null && !Number.isFinite(value));
  if (bad < 0) return target as (number | null)[];
  const ts = timeOf(series, bad);
  const place = `series ${item_id}: target[${bad}]${ts === undefined ? '' : ` at ${ts}`}`;
  const found = JSON.stringify(target[bad])?.slice(0, 40) ?? '';
  throw new PlatformError('VALUE_NOT_FINITE', `${place} is ${found}, not a finite number; write null for a gap`, {
    itemId: item_id,
    index: bad,
    ...(ts === undefined ? {} : { ts }),
  });
}

/** Time of one point, where frequency, start and zone can be read. */
function timeOf({ freq, start, time_zone }: InlineSeriesRequest, index: number): string | undefined {
  try {
    const ts = Frequency.parse(freq)?.addTo(Date.parse(start), index, time_zone);
    return ts === undefined ? undefined : new Date(ts).toISOString();
  } catch {
    return undefined;
  }
}
