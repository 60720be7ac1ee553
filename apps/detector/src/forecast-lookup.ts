import { IssuedForecastRepository, type ArrivedPoint, type IssuedQuantiles } from '@app/persistence';
import { Frequency } from '@app/series';

import type { ChunkMoment } from './moment-chunk.js';
import type { LeadForecast } from './watch/moment.js';

const MOST_BYTES = 67_108_864;
const MOST_SERIES = 50_000;

interface Wanted extends ArrivedPoint {
  readonly moment: ChunkMoment;
  /** Place among the moment's channels. */
  readonly place: number;
}

/**
 * Finds the stored forecasts of the values of a chunk: those issued before the value arrived, of each bucket of leads
 * (1, 2, 3–4, 5–8 …) the shortest. It keeps the forecasts read last, up to 64 MiB; the oldest are forgotten.
 */
export class ForecastLookup {
  readonly #forecasts = new Map<string, IssuedQuantiles>();
  /** Series that have forecasts; those without are asked for again. */
  readonly #series = new Map<string, number>();
  #bytes = 0;

  constructor(private readonly repository: IssuedForecastRepository) {}

  /** Sets the forecasts of these moments. */
  async attach(moments: readonly ChunkMoment[]): Promise<void> {
    const points = await this.#points(moments);
    if (points.length === 0) return;
    const ids = await this.repository.before(points);
    await this.#load(new Set(ids.flat()));
    points.forEach(({ moment, place, ts }, i) => {
      const leads = byLead(ids[i]!.flatMap((id) => leadOf(this.#forecasts.get(id), ts) ?? []));
      if (leads.length === 0) return;
      moment.forecasts ??= moment.channels.map(() => []);
      moment.forecasts[place] = leads;
    });
    this.#forget();
  }

  /** The values whose series have any forecast. */
  async #points(moments: readonly ChunkMoment[]): Promise<Wanted[]> {
    await this.#resolve(moments);
    const points: Wanted[] = [];
    for (const moment of moments) {
      moment.channels.forEach((channel, place) => {
        const seriesId = this.#series.get(keyOf(moment.itemId, channel));
        if (seriesId === undefined) return;
        points.push({ seriesId, ts: moment.ts, arrivedAt: moment.arrivedAt, moment, place });
      });
    }
    return points;
  }

  async #resolve(moments: readonly ChunkMoment[]): Promise<void> {
    const unknown = new Map<string, readonly [string, string]>();
    for (const { itemId, channels } of moments) {
      for (const channel of channels) {
        const key = keyOf(itemId, channel);
        if (!this.#series.has(key)) unknown.set(key, [itemId, channel]);
      }
    }
    if (unknown.size === 0) return;
    if (this.#series.size + unknown.size > MOST_SERIES) this.#series.clear();
    const found = await this.repository.seriesWithForecasts([...unknown.values()]);
    [...unknown.keys()].forEach((key, i) => {
      const seriesId = found[i];
      if (seriesId !== undefined) this.#series.set(key, seriesId);
    });
  }

  async #load(ids: ReadonlySet<string>): Promise<void> {
    const missing = [...ids].filter((id) => !this.#forecasts.has(id));
    for (const forecast of await this.repository.load(missing)) {
      this.#forecasts.set(forecast.forecastId, forecast);
      this.#bytes += forecast.quantiles.byteLength;
    }
  }

  #forget(): void {
    for (const [id, { quantiles }] of this.#forecasts) {
      if (this.#bytes <= MOST_BYTES) return;
      this.#forecasts.delete(id);
      this.#bytes -= quantiles.byteLength;
    }
  }
}

/** What a forecast says of a time, or undefined where it does not reach it. */
function leadOf(forecast: IssuedQuantiles | undefined, ts: number): LeadForecast | undefined {
  const freq = forecast && Frequency.parse(forecast.freq);
  if (!freq) return undefined;
  const { forecastId, model, levels, horizon, timeZone } = forecast;
  const cutoff = forecast.cutoff.getTime();
  const lead = freq.stepsBetween(cutoff, ts, timeZone);
  if (lead < 1 || lead > horizon) return undefined;
  const quantiles = forecast.quantiles.subarray((lead - 1) * levels.length, lead * levels.length);
  return quantiles.every(Number.isFinite) ? { forecastId, model, cutoff, lead, levels, quantiles } : undefined;
}

/** The shortest lead of each bucket, the shortest first. */
function byLead(forecasts: readonly LeadForecast[]): LeadForecast[] {
  const buckets = new Map<number, LeadForecast>();
  for (const forecast of forecasts) {
    const bucket = Math.ceil(Math.log2(forecast.lead));
    const known = buckets.get(bucket);
    if (!known || forecast.lead < known.lead) buckets.set(bucket, forecast);
  }
  return [...buckets.values()].toSorted((a, b) => a.lead - b.lead);
}

function keyOf(itemId: string, channel: string): string {
  return `${itemId}\n${channel}`;
}
