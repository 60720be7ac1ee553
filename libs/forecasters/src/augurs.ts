import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { AutoETS, initSync as initEts } from '@bsull/augurs/ets';
import { MSTL, initSync as initMstl } from '@bsull/augurs/mstl';
import { CANONICAL_LEVELS, fitScaler, normalQuantile } from '@app/series';

/** What the models of `@bsull/augurs` have in common. */
interface AugursModel {
  fit(values: Float64Array): void;
  predict(
    horizon: number,
    level: number,
  ): { point: number[]; intervals: { lower: number[]; upper: number[] } | undefined };
  free(): void;
}

/** The one coverage that is asked for; the model's intervals are normal, so one gives them all. */
const COVERAGE = 0.8;
const HALF_WIDTH = normalQuantile((1 + COVERAGE) / 2);
const OFFSETS = CANONICAL_LEVELS.map((level) => normalQuantile(level) / HALF_WIDTH);

let initialised = false;

/** Exponential smoothing, error and trend chosen by information criterion. augurs has no seasonal components. */
export function augursEts(): AugursModel {
  initialise();
  return new AutoETS(1, 'ZZN');
}

/** Seasonal-trend decomposition by LOESS for several periods, exponential smoothing on what is left. */
export function augursMstl(periods: readonly number[]): AugursModel {
  initialise();
  return MSTL.ets([...periods]);
}

/**
 * Fits a model to standardised values (its optimiser has absolute tolerances) and gives quantiles in the units of the
 * series. Blocks for some 20 ms.
 *
 * @param filled without NaN.
 * @returns horizon × 13 quantiles, row-major, normal around the point forecast.
 * @throws Error when the model can't be fitted or forecasts something that is not finite.
 */
export function fitAndPredict(model: AugursModel, filled: Float64Array, horizon: number): Float64Array {
  try {
    const { loc, scale } = fitScaler(filled);
    model.fit(filled.map((value) => (value - loc) / scale));
    const { point, intervals } = model.predict(horizon, COVERAGE);
    if (!intervals) throw new Error('the model gave no intervals');
    const quantiles = new Float64Array(horizon * OFFSETS.length);
    for (let step = 0; step < horizon; step++) {
      const halfWidth = (intervals.upper[step]! - intervals.lower[step]!) / 2;
      OFFSETS.forEach((offset, i) => {
        quantiles[step * OFFSETS.length + i] = loc + scale * (point[step]! + offset * halfWidth);
      });
    }
    if (!quantiles.every(Number.isFinite)) throw new Error('the model forecasts values that are not finite');
    return quantiles;
  } finally {
    model.free();
  }
}

// The package expects a bundler or fetch; from Node its WASM is read once.
function initialise(): void {
  if (initialised) return;
  const { resolve } = createRequire(import.meta.url);
  const wasm = (name: string) => ({
    module: readFileSync(resolve(`@bsull/augurs/${name}`).replace(/\.js$/, '_bg.wasm')),
  });
  initEts(wasm('ets'));
  initMstl(wasm('mstl'));
  initialised = true;
}
