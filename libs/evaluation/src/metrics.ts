import { CANONICAL_LEVELS, quantilesAt, seasonalDifference } from '@app/series';

/** Levels of the weighted quantile loss, as in the GluonTS and GIFT-Eval tables. */
const WQL_LEVELS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];
/** Lower and upper canonical levels of the two intervals that are scored. */
const INTERVALS = { 80: [0.1, 0.9], 95: [0.025, 0.975] } as const;

/** A forecast as it is scored: steps × 13 canonical quantiles, and the mean of each step. */
export interface ScoredForecast {
  readonly mean: Float64Array;
  readonly quantiles: Float64Array;
}

/** The scores of one model on one set. Undefined parts (no window, all denominators zero) are NaN. */
export interface ForecastScores {
  /** Mean over windows of the MAE by the seasonal-naive MAE inside the context (Hyndman & Koehler 2006). */
  readonly MASE: number;
  /** In percent, 0 to 200. */
  readonly sMAPE: number;
  /** Of the mean; in squared (standardised) units. */
  readonly MSE: number;
  /** Of the median. */
  readonly MAE: number;
  /** Mean over levels .1 – .9 of 2·Σ pinball / Σ|y|, pooled over all windows. */
  readonly WQL: number;
  /** Mean of 2 · pinball over the levels, each window by its seasonal-naive error. */
  readonly scaledWQL: number;
  /** Share of targets inside the 80 % and 95 % intervals. */
  readonly coverage: { readonly 80: number; readonly 95: number };
  /** Σ interval width / Σ|y|. */
  readonly width: { readonly 80: number; readonly 95: number };
  readonly windows: number;
  readonly sumAbsTarget: number;
}

/** Pinball (quantile) loss of one forecast quantile: max(τ·(y − q), (τ − 1)·(y − q)). */
export function pinball(target: number, quantile: number, level: number): number {
  const error = target - quantile;
  return Math.max(level * error, (level - 1) * error);
}

/** Gathers the scores of one model on one set, window by window. */
export class ForecastScorer {
  private readonly total = { abs: 0, square: 0, smape: 0, absTarget: 0, pinball: 0, points: 0, windows: 0 };
  private readonly scaled = { mase: 0, pinball: 0, windows: 0 };
  private readonly inside = { 80: 0, 95: 0 };
  private readonly widths = { 80: 0, 95: 0 };

  /** @param season of the seasonal naive forecast in the denominators, in points; 1 is the last value. */
  constructor(private readonly season: number) {}

  /** Scores one window; missing targets are passed over. */
  add(context: Float64Array, target: Float64Array, forecast: ScoredForecast): void {
    const levels = quantilesAt(forecast.quantiles, WQL_LEVELS);
    let windowAbs = 0;
    let windowPinball = 0;
    let points = 0;
    for (let step = 0; step < target.length; step++) {
      const y = target[step]!;
      if (Number.isNaN(y)) continue;

      const median = levels[step * WQL_LEVELS.length + 4]!;
      const loss = WQL_LEVELS.reduce(
        (sum, level, i) => sum + 2 * pinball(y, levels[step * WQL_LEVELS.length + i]!, level),
        0,
      );
      windowAbs += Math.abs(y - median);
      windowPinball += loss / WQL_LEVELS.length;
      this.total.square += (y - forecast.mean[step]!) ** 2;
      this.total.smape += y === median ? 0 : (200 * Math.abs(y - median)) / (Math.abs(y) + Math.abs(median));
      this.total.absTarget += Math.abs(y);
      this.addIntervals(y, forecast.quantiles, step);
      points++;
    }
    this.total.abs += windowAbs;
    this.total.pinball += windowPinball;
    this.total.points += points;
    this.total.windows++;
    this.addScaled(seasonalDifference(context, this.season), windowAbs / points, windowPinball / points);
  }

  private addIntervals(y: number, quantiles: Float64Array, step: number): void {
    for (const coverage of [80, 95] as const) {
      const [lower, upper] = INTERVALS[coverage].map(
        (level) => quantiles[step * CANONICAL_LEVELS.length + CANONICAL_LEVELS.indexOf(level)]!,
      ) as [number, number];
      if (y >= lower && y <= upper) this.inside[coverage]++;
      this.widths[coverage] += upper - lower;
    }
  }

  private addScaled(denominator: number, mae: number, loss: number): void {
    // A context that repeats itself exactly, or is too short for one season, has no scale.
    if (!(denominator > 0)) return;
    this.scaled.mase += mae / denominator;
    this.scaled.pinball += loss / denominator;
    this.scaled.windows++;
  }

  /** The scores of all windows so far. */
  scores(): ForecastScores {
    const { total, scaled, inside, widths } = this;
    return {
      MASE: scaled.mase / scaled.windows,
      sMAPE: total.smape / total.points,
      MSE: total.square / total.points,
      MAE: total.abs / total.points,
      WQL: total.pinball / total.absTarget,
      scaledWQL: scaled.pinball / scaled.windows,
      coverage: { 80: inside[80] / total.points, 95: inside[95] / total.points },
      width: { 80: widths[80] / total.absTarget, 95: widths[95] / total.absTarget },
      windows: total.windows,
      sumAbsTarget: total.absTarget,
    };
  }
}
