import { PlatformError } from '@app/observability';
import { coverageToLevels } from '@app/series';
import type { LevelForecast } from '../dialect-forecaster.js';
import type { Intervals } from './timegpt.schema.js';

const MOST_LEVELS = 50;

/** Coverages in percent, as clients ask for them, and the quantile levels that bound them. */
export class IntervalLevels {
  /** Ascending, each once. */
  readonly quantiles: readonly number[];

  /** @throws PlatformError LEVELS_INVALID for what is no percentage below 100. */
  constructor(private readonly percents: readonly number[]) {
    if (percents.length > MOST_LEVELS) {
      throw new PlatformError(
        'LEVELS_INVALID',
        `${percents.length} levels are asked for; at most ${MOST_LEVELS} can be`,
      );
    }
    this.quantiles = [...new Set(percents.flatMap(boundsOf))].sort((a, b) => a - b);
  }

  /** `lo-80` and `hi-80` for the level 80: the bounds of all forecasts, one after the other. */
  intervals(forecasts: readonly LevelForecast[]): Intervals | null {
    if (this.percents.length === 0) return null;
    const column = (level: number) => {
      const at = this.quantiles.indexOf(level);
      return forecasts.flatMap(({ mean, quantiles }) => mean.map((_, i) => quantiles[i * this.quantiles.length + at]!));
    };
    return Object.fromEntries(
      this.percents.flatMap((percent) => {
        const [lower, upper] = boundsOf(percent);
        return [
          [`lo-${percent}`, column(lower)],
          [`hi-${percent}`, column(upper)],
        ];
      }),
    );
  }
}

/** The two levels that bound a coverage in percent; 0 is the median, which clients ask for so. */
export function boundsOf(percent: number): [lower: number, upper: number] {
  if (percent === 0) return [0.5, 0.5];
  const bounds = coverageToLevels(percent / 100);
  if (percent > 0 && percent < 100 && bounds[0] > 0) return bounds;
  throw new PlatformError(
    'LEVELS_INVALID',
    `level ${percent} is not usable; a level is a percentage below 100, such as 80`,
  );
}
