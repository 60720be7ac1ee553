import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@app/observability';
import { Frequency, type ContextWindow } from '@app/series';
import { writeEveryPackage } from '../../../test/support/tiny-packages.js';
import { BASELINES } from './best-baseline.js';
import { expectSane, expectSensibleWidths } from './fixtures/expect-sane.js';
import { aWindow, awkwardSeries, gaussian, series } from './fixtures/series.js';
import { MODELS, shippedPackages } from './fixtures/shipped.js';
import { ForecasterCatalogue } from './forecaster-catalogue.js';

/** What is shipped, whatever that is; and of every signature that is served a network of some kilobytes. */
const folder = mkdtempSync(join(tmpdir(), 'tidecast-awkward-'));
const shipped = shippedPackages();
const tiny = writeEveryPackage(folder).filter((name) => name !== 's-mamba/pump');
for (const name of shipped) cpSync(join(MODELS, name), join(folder, name), { recursive: true });
const NETWORKS = [...new Set([...shipped, ...tiny])];
const NAMES = ['auto', ...NETWORKS, ...BASELINES];
/** Hundreds of forecasts, on a machine that may be busy. */
const TIMEOUT_MS = 120_000;

describe('every model', () => {
  let catalogue: ForecasterCatalogue;
  const noise = gaussian(4);
  const daily = series(512, (t) => 10 * Math.sin((2 * Math.PI * t) / 24) + noise());

  beforeAll(async () => {
    const env = { MODELS_DIR: folder, PROVIDER: 'cpu' as const, PROVIDER_STRICT: false, INFERENCE_THREADS: 1 };
    catalogue = await ForecasterCatalogue.load({ env, logger: silentLogger() });
  }, TIMEOUT_MS);
  afterAll(async () => {
    await catalogue.close();
    rmSync(folder, { recursive: true });
  });

  const forecast = async (model: string, window: ContextWindow, horizon: number, beside: ContextWindow[] = []) => {
    const [forecast] = await catalogue.resolve(model).forecast([window], horizon, beside);
    expect(forecast!.mean).toHaveLength(horizon);
    expect(forecast!.mean.every(Number.isFinite)).toBe(true);
    expect(forecast!.parts).toMatchObject({ observed: expect.any(Number), chosen: expect.any(Object) });
    expectSane(forecast!.quantiles, window.target);
    // A baseline that has never been wrong in sample is certain, and says so.
    if (NETWORKS.includes(model)) expectSensibleWidths(forecast!.quantiles, window.target);
    return forecast!;
  };

  it.each(NAMES)(
    '%s answers any horizon for a plain day',
    async (model) => {
      for (const horizon of [1, 96, 97, 384]) await forecast(model, aWindow(daily, { season: 24 }), horizon);
    },
    TIMEOUT_MS,
  );

  it.each(Object.entries(awkwardSeries()))(
    'stays finite, ascending and sane on %s',
    async (_, { target, season }) => {
      for (const model of NAMES) {
        for (const horizon of [1, 120]) await forecast(model, aWindow(target, { season }), horizon);
      }
    },
    TIMEOUT_MS,
  );

  it.each(['PT7S', 'PT37M', 'P11D', 'P1Y'])(
    'needs no usual spacing: %s',
    async (text) => {
      for (const model of NAMES) await forecast(model, aWindow(daily, { freq: Frequency.parse(text)! }), 30);
    },
    TIMEOUT_MS,
  );

  it.each(Object.entries(awkwardSeries()))(
    'is not led astray by a channel beside it: %s',
    async (_, { target }) => {
      const beside = [
        aWindow(target, { channel: 'awkward' }),
        aWindow([Number.NaN, Number.NaN], { channel: 'all missing' }),
      ];
      for (const model of NETWORKS.filter((name) => catalogue.resolve(name).together)) {
        for (const horizon of [30, 120]) await forecast(model, aWindow(daily, { season: 24 }), horizon, beside);
      }
    },
    TIMEOUT_MS,
  );
});
