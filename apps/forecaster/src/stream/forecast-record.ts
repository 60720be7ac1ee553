import type { OutboxRecord } from '@app/persistence';
import { CANONICAL_LEVELS } from '@app/series';

import { viewForecasts } from '../../../gateway/src/forecasts/forecast-view.js';
import type { ForecastFailure, IssuedForecast } from '../forecast-client.js';

/** Brokers refuse records above 1 MB. */
const MAX_VALUE_BYTES = 900_000;

/** What a published forecast was made for. */
export interface PublishedFor {
  /** Name of the policy that made it. */
  readonly policy?: string;
  /** What the one who asked for it looks for. */
  readonly replyKey?: string;
  /** Quantile levels to tell; the canonical ones when absent. */
  readonly levels?: readonly number[];
}

/**
 * A forecast on its way to the topic, keyed by its item: the JSON of the REST API with the policy or the reply key. One too
 * long for a broker goes without numbers: `numbers_left_out` says so, and the row has them.
 */
export function forecastRecord(topic: string, forecast: IssuedForecast, published: PublishedFor): OutboxRecord {
  const { levels = CANONICAL_LEVELS } = published;
  const [view] = viewForecasts([forecast], levels);
  const whole = { ...view, ...marks(published) };
  let value = Buffer.from(JSON.stringify(whole));
  if (value.length > MAX_VALUE_BYTES) {
    value = Buffer.from(JSON.stringify({ ...whole, ts: [], mean: [], quantiles: {}, numbers_left_out: true }));
  }
  const id: Record<string, string> = forecast.forecastId === null ? {} : { 'forecast-id': forecast.forecastId };
  return { topic, key: forecast.itemId, value, headers: { ...id, ...headers(published) } };
}

/** Why there is no forecast, for the one who asked: keyed by the item where one was named, else by the reply key. */
export function failureRecord(
  topic: string,
  failure: Pick<ForecastFailure, 'code' | 'message'> & Partial<ForecastFailure>,
  published: PublishedFor & { readonly replyKey: string },
): OutboxRecord {
  const { itemId = null, channel = null, code, message } = failure;
  const value = { item_id: itemId, channel, error: { code, message }, ...marks(published) };
  return {
    topic,
    key: itemId ?? published.replyKey,
    value: Buffer.from(JSON.stringify(value)),
    headers: { 'error-code': code, ...headers(published) },
  };
}

function marks({ policy, replyKey }: PublishedFor): Record<string, string> {
  return { ...(policy === undefined ? {} : { policy }), ...(replyKey === undefined ? {} : { reply_key: replyKey }) };
}

function headers({ policy, replyKey }: PublishedFor): Record<string, string> {
  return { ...(policy === undefined ? {} : { policy }), ...(replyKey === undefined ? {} : { 'reply-key': replyKey }) };
}
