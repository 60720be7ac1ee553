import { PlatformError } from '@app/observability';
import { CANONICAL_LEVELS, type ContextWindow, type QuantileForecast } from '@app/series';
import { averageWeights } from '@app/uncertainty';
import { AggregateForecaster } from './aggregate.js';
import type { NeuralForecaster } from './auto.js';
import { trialsOf } from './back-test.js';
import { aWindow, series } from './fixtures/series.js';
import type { Forecaster } from './forecaster.js';
import { RecentForecaster } from './recent-forecaster.js';

interface Fake extends Forecaster {
  readonly asked: { windows: readonly ContextWindow[]; horizon: number; beside: readonly ContextWindow[] }[];
}

/** Forecasts `value` everywhere, a unit wide. */
function fake(name: string, value = 0, options: { failure?: Error; answersAs?: string } = {}): Fake {
  const asked: Fake['asked'] = [];
  return {
    name,
    asked,
    forecast: (windows, horizon, beside = []) => {
      asked.push({ windows, horizon, beside });
      if (options.failure) return Promise.reject(options.failure);
      return Promise.resolve(windows.map((window) => forecastOf(options.answersAs ?? name, window, horizon, value)));
    },
  };
}

const forecastOf = (model: string, window: ContextWindow, horizon: number, value: number): QuantileForecast => ({
  ...window,
  model,
  provider: model.endsWith('/base') ? 'cpu' : 'js',
  mean: new Float64Array(horizon).fill(value),
  quantiles: Float64Array.from({ length: horizon * 13 }, (_, i) => value + CANONICAL_LEVELS[i % 13]! - 0.5),
  status: 'ok',
  parts: { chosen: { [model]: 'asked for' } },
});
const network = (name: string, value?: number, failure?: Error, minContext = 16): NeuralForecaster & Fake => ({
  ...fake(`${name}/base`, value, { failure }),
  minContext,
  predictionLength: 96,
});

const long = aWindow(
  series(200, () => 0),
  { season: 24 },
);
const seasonless = aWindow(
  series(200, () => 0),
  { season: 1 },
);
const short = aWindow([1, 2]);
const build = (
  networks: readonly NeuralForecaster[],
  more: Partial<ConstructorParameters<typeof AggregateForecaster>[0]> = {},
) =>
  new AggregateForecaster({
    networks,
    recent: [],
    naive: fake('seasonal-naive', 0),
    seasonal: fake('mstl', 0),
    plain: fake('ets', 0),
    otherwise: fake('best', 5, { answersAs: 'drift' }),
    ...more,
  });

const modelsOf = ({ parts }: QuantileForecast) =>
  (parts as { aggregation: { models: Record<string, number> } }).aggregation.models;
const lengthsOf = ({ asked }: Fake) =>
  asked.map(({ windows, horizon }) => [windows.map(({ target }) => target.length), horizon]);

describe('AggregateForecaster', () => {
  it('weighs every network and the baseline that applies, and says with which weight', async () => {
    const [forecast] = await build([network('ttm', 5), network('tsmixer', 5)]).forecast([long], 24);
    expect(forecast).toMatchObject({ model: 'aggregate', provider: 'cpu+js', status: 'ok' });
    const models = modelsOf(forecast!);
    expect(Object.keys(models)).toEqual(['ttm/base', 'tsmixer/base', 'mstl']);
    expect(Object.values(models).reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 12);
    expect(forecast!.parts.chosen).toMatchObject({
      aggregate: 'the weighted mean of 3 models',
      'seasonal-naive': 'weight 0.000',
      ets: 'for series without a season',
    });
  });

  it('asks each network twice: for the horizon, and for the trial inside the context', async () => {
    const ttm = network('ttm');
    await build([ttm]).forecast([long, seasonless], 24);
    expect(lengthsOf(ttm)).toEqual([
      [[200, 200], 24],
      [[176, 176], 24],
    ]);
    expect(ttm.asked[1]!.windows[0]!.cutoff).toBe(long.cutoff - 24 * long.freq.approxMs);
  });

  it('fits a baseline to the whole window only where its trial was worth it', async () => {
    const mstl = fake('mstl', 0);
    const [good] = await build([network('ttm', 5)], { seasonal: mstl }).forecast([long], 24);
    expect(lengthsOf(mstl)).toEqual([
      [[176], 24],
      [[200], 24],
    ]);
    expect(modelsOf(good!)['mstl']).toBeGreaterThan(0.99);
    const poor = fake('mstl', 5);
    const [bad] = await build([network('ttm', 0)], { seasonal: poor }).forecast([long], 24);
    expect(lengthsOf(poor)).toEqual([[[176], 24]]);
    expect(bad!.parts.chosen).toMatchObject({ mstl: expect.stringContaining('has not earned') });
  });

  it('shows one network the last points only, and weighs that by the trial', async () => {
    const ttm = network('ttm', 0);
    const recent = [new RecentForecaster(ttm, 100), new RecentForecaster(ttm, 500)];
    const [forecast] = await build([ttm], { recent }).forecast([long], 24);
    // Window, the last points of it; the trial, the last points of that.
    expect(lengthsOf(ttm).map(([lengths]) => lengths)).toEqual([[200], [176], [100], [100]]);
    expect(modelsOf(forecast!)).toEqual({
      'ttm/base': expect.closeTo(1 / 1.05, 12),
      'ttm/base:last-100': expect.closeTo(0.05 / 1.05, 12),
    });
    expect(forecast!.parts.chosen).toMatchObject({ 'ttm/base:last-500': expect.stringContaining('no more than 500') });
  });

  it('makes no trial where the scorecard has taught the weights, and fits what has one', async () => {
    const [ttm, mstl] = [network('ttm', 0), fake('mstl', 0)];
    const models = ['ttm/base', 'mstl'];
    const taught = (logits: number[]) => [{ weights: { version: 3, weights: { ...averageWeights(models), logits } } }];
    const [both] = await build([ttm], { seasonal: mstl }).forecast([long], 24, [], taught([0, 0]));
    expect([lengthsOf(ttm), lengthsOf(mstl)]).toEqual([[[[200], 24]], [[[200], 24]]]);
    expect(modelsOf(both!)).toEqual({ 'ttm/base': 0.5, mstl: 0.5 });
    const [one] = await build([ttm], { seasonal: mstl }).forecast([long], 24, [], taught([0, -9]));
    expect(lengthsOf(mstl)).toHaveLength(1);
    expect(modelsOf(one!)).toEqual({ 'ttm/base': 1 });
  });

  it('gives a model that was wrong in the trial next to no weight', async () => {
    const [forecast] = await build([network('ttm', 0), network('wild', 50)]).forecast([long], 24);
    expect(modelsOf(forecast!)['wild/base']).toBeLessThan(1e-6);
    expect(Math.abs(forecast!.mean[0]!)).toBeLessThan(1e-3);
  });

  it('keeps the order, with the best baseline where no network is for a window', async () => {
    const forecasts = await build([network('ttm')]).forecast([short, long, short, seasonless], 24);
    expect(forecasts.map(({ model }) => model)).toEqual(['drift', 'aggregate', 'drift', 'aggregate']);
    const far = await build([network('ttm')]).forecast([long], 96 * 8 + 1);
    expect(far[0]!.model).toBe('drift');
  });

  it('goes on without a model that fails, and says so', async () => {
    const broken = network('broken', 0, new PlatformError('INFERENCE_FAILED', 'no numbers'));
    const [forecast] = await build([network('ttm'), broken]).forecast([long], 24);
    expect(forecast!.parts.chosen).toMatchObject({ 'broken/base': 'failed: no numbers' });
    const [alone] = await build([broken]).forecast([long], 24);
    expect(alone!.model).toBe('drift');
  });

  it('passes on that the platform is overloaded', async () => {
    const full = network('full', 0, new PlatformError('OVERLOADED', 'full'));
    await expect(build([full]).forecast([long], 24)).rejects.toMatchObject({ code: 'OVERLOADED' });
  });

  it('does not count a baseline for which seasonal naive stands in', async () => {
    const seasonal = fake('mstl', 0, { answersAs: 'seasonal-naive' });
    const [forecast] = await build([network('ttm')], { seasonal }).forecast([long], 24);
    expect(Object.keys(modelsOf(forecast!))).toEqual(['ttm/base']);
  });

  it('gives what each model said as a shadow, to be scored like what was served', async () => {
    const [forecast] = await build([network('ttm', 5)]).forecast([long], 24);
    const names = ['ttm/base', 'seasonal-naive', 'mstl', 'aggregate-uncalibrated'];
    expect(forecast!.shadows!.map(({ model }) => model)).toEqual(names);
    expect(forecast!.shadows!.every(({ quantiles }) => quantiles.length === 24 * 13)).toBe(true);
  });

  it('serves the champion of a series, and keeps the others as its shadows', async () => {
    const champion = { version: 1, model: 'seasonal-naive', reason: 'aggregate loses' };
    const [forecast] = await build([network('ttm', 5)]).forecast([long], 24, [], [{ champion }]);
    expect(forecast).toMatchObject({ model: 'seasonal-naive', provider: 'js' });
    expect(forecast!.shadows!.map(({ model }) => model)).toEqual(['ttm/base', 'mstl', 'aggregate-uncalibrated']);
  });

  it('answers nothing with nothing', async () => {
    await expect(build([network('ttm')]).forecast([], 3)).resolves.toEqual([]);
  });
});

describe('trialsOf', () => {
  it('cuts off as many steps as are forecast, of 12 to 96', () => {
    const lengths = [1, 24, 4096].map(
      (horizon) => trialsOf([aWindow(series(400, (t) => t))], horizon, 16)[0]!.actual.length,
    );
    expect(lengths).toEqual([12, 24, 96]);
  });

  it('takes no more than a third of a window', () => {
    expect(trialsOf([aWindow(series(60, (t) => t))], 96, 16)[0]!.actual).toHaveLength(20);
  });

  it('leaves out windows that are too short, too gappy, or end in nothing', () => {
    expect(trialsOf([aWindow(series(35, (t) => t))], 12, 8)).toEqual([]);
    expect(trialsOf([aWindow(series(36, (t) => t))], 12, 8)).toHaveLength(1);
    expect(trialsOf([aWindow(series(36, (t) => t))], 12, 30)).toEqual([]);
    expect(trialsOf([aWindow(series(100, (t) => (t < 50 ? t : Number.NaN)))], 12, 8)).toEqual([]);
  });
});
