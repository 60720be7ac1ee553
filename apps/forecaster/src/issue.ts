import { randomUUID } from 'node:crypto';
import type { NewForecast } from '@app/persistence';
import {
  CANONICAL_LEVELS,
  forecastTimes,
  seasonalDifference,
  type ContextWindow,
  type QuantileForecast,
} from '@app/series';

import type { IssuedForecast } from './forecast-client.js';
import { provenanceOf } from './replay/provenance.js';
import type { SeriesContext } from './series-context.js';

/** A forecast, and whether the spacing of its series was known. */
export interface Made {
  readonly context: Pick<SeriesContext, 'freqAssumed'>;
  readonly forecast: QuantileForecast;
}

/** A forecast with the context that it was made of. */
export interface Answer extends Made {
  readonly context: SeriesContext;
  /** What was asked for: `auto`, or a name. */
  readonly asked: string;
  /** Windows of further channels of the item that the model saw. */
  readonly beside: readonly ContextWindow[];
}

/** The row of a forecast, under a new id. */
export function toRow(
  { context, forecast, asked, beside }: Answer,
  issued: { issuedAt: Date; runId?: string; traceparent?: string },
): NewForecast {
  const { seriesId, source } = context;
  if (seriesId === null || !source) throw new TypeError(`${forecast.itemId} came with the command and is never stored`);
  return {
    forecastId: randomUUID(),
    seriesId,
    runId: issued.runId ?? null,
    issuedAt: issued.issuedAt,
    cutoff: new Date(forecast.cutoff),
    freq: forecast.freq.toString(),
    timeZone: forecast.timeZone,
    model: forecast.model,
    modelSha256: forecast.modelSha256 ?? null,
    provider: forecast.provider,
    levels: CANONICAL_LEVELS,
    mean: forecast.mean,
    quantiles: forecast.quantiles,
    status: statusOf({ context, forecast }),
    parts: { ...forecast.parts, context: provenanceOf(context.window, source, asked, beside) },
    traceparent: issued.traceparent ?? context.traceparent,
    naiveError: naiveErrorOf(context),
    shadows: forecast.shadows,
  };
}

/** The denominator of MASE: what repeating the last season missed by, inside the context. */
function naiveErrorOf({ window }: SeriesContext): number | null {
  const error = seasonalDifference(window.target, window.season);
  return Number.isFinite(error) ? error : null;
}

/** A forecast as callers get it. */
export function toIssued(answer: Made, issuedAt: Date, forecastId: string | null): IssuedForecast {
  const { forecast } = answer;
  const [start] = forecastTimes(forecast.cutoff, forecast.freq, forecast.timeZone, 1);
  return {
    forecastId,
    itemId: forecast.itemId,
    channel: forecast.channel,
    model: forecast.model,
    modelSha256: forecast.modelSha256 ?? null,
    provider: forecast.provider,
    cutoff: new Date(forecast.cutoff).toISOString(),
    start: new Date(start!).toISOString(),
    freq: forecast.freq.toString(),
    timeZone: forecast.timeZone,
    levels: CANONICAL_LEVELS,
    mean: [...forecast.mean],
    quantiles: [...forecast.quantiles],
    status: statusOf(answer),
    parts: forecast.parts,
    issuedAt: issuedAt.toISOString(),
  };
}

/** That the spacing was assumed matters most: every time in the forecast hangs on it. */
function statusOf({ context, forecast }: Made): IssuedForecast['status'] {
  return context.freqAssumed ? 'freq-assumed' : forecast.status;
}
