import { fileURLToPath } from 'node:url';
import { silentLogger } from '@app/observability';
import { BASELINES } from './best-baseline.js';
import { expectSane } from './fixtures/expect-sane.js';
import { aWindow, awkwardSeries, gaussian, series } from './fixtures/series.js';
import { ForecasterCatalogue } from './forecaster-catalogue.js';

const NAMES = ['auto', 'ttm', ...BASELINES];
/** A hundred forecasts, on a machine that may be busy. */
const TIMEOUT_MS = 60_000;

describe('every model', () => {
  let catalogue: ForecasterCatalogue;
  const noise = gaussian(4);
  const daily = series(512, (t) => 10 * Math.sin((2 * Math.PI * t) / 24) + noise());

  beforeAll(async () => {
    catalogue = await ForecasterCatalogue.load({
      env: {
        MODELS_DIR: fileURLToPath(new URL('../../../models', import.meta.url)),
        PROVIDER: 'cpu',
        PROVIDER_STRICT: false,
        INFERENCE_THREADS: 1,
      },
      logger: silentLogger(),
    });
  }, TIMEOUT_MS);
  afterAll(() => catalogue.close());

  it.each(NAMES)(
    '%s answers any horizon for a plain day',
    async (model) => {
      for (const horizon of [1, 96, 97, 500]) {
        const [forecast] = await catalogue.resolve(model).forecast([aWindow(daily, { season: 24 })], horizon);
        expect(forecast!.mean).toHaveLength(horizon);
        expectSane(forecast!.quantiles, daily);
      }
    },
    TIMEOUT_MS,
  );

  it.each(Object.entries(awkwardSeries()))(
    'stays finite, ascending and sane on %s',
    async (_, { target, season }) => {
      for (const model of NAMES) {
        for (const horizon of [1, 30, 120]) {
          const [forecast] = await catalogue.resolve(model).forecast([aWindow(target, { season })], horizon);
          expect(forecast!.mean.every(Number.isFinite)).toBe(true);
          expect(forecast!.parts).toMatchObject({ observed: expect.any(Number), chosen: expect.any(Object) });
          expectSane(forecast!.quantiles, target);
        }
      }
    },
    TIMEOUT_MS,
  );
});
