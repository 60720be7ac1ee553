import type { Frequency } from './frequency.js';

/** How a forecast came about: as asked, or with an assumption that the reader should know of. */
export type ForecastStatus = 'ok' | 'short-context' | 'freq-assumed';

/** A forecast of one series at the canonical levels, in the units of the series. Immutable. */
export interface QuantileForecast {
  readonly itemId: string;
  readonly channel: string;
  /** What made it: `ttm/base`, `mstl`, `aggregate` of several, … – never `auto`. */
  readonly model: string;
  readonly modelSha256?: string;
  /** Where it ran: `cpu`, `cuda`, `webgpu` for networks, as proven at load; `js` for baselines; `cpu+js` of several. */
  readonly provider: string;
  readonly freq: Frequency;
  readonly timeZone: string;
  /** Last time of the context, milliseconds; step 1 is one `freq` later. */
  readonly cutoff: number;
  /** One value a step. */
  readonly mean: Float64Array;
  /** Steps × CANONICAL_LEVELS, row-major, ascending within a step. */
  readonly quantiles: Float64Array;
  readonly status: ForecastStatus;
  /** What went into it: context points observed, season, why this model. JSON. */
  readonly parts: Readonly<Record<string, unknown>>;
  /** What the models that went into it, or were passed over, said on their own: scored like it, never served. */
  readonly shadows?: readonly ModelQuantiles[];
}

/** The quantiles of one model: steps × CANONICAL_LEVELS, row-major. */
export interface ModelQuantiles {
  readonly model: string;
  readonly modelSha256?: string;
  readonly quantiles: Float64Array;
}

/** Times of the steps 1 … horizon after `cutoff`, in milliseconds. */
export function forecastTimes(cutoff: number, freq: Frequency, timeZone: string, horizon: number): number[] {
  return Array.from({ length: horizon }, (_, step) => freq.addTo(cutoff, step + 1, timeZone));
}
