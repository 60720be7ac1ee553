import { PlatformError } from '@app/observability';
import type { ContextWindow, QuantileForecast } from '@app/series';
import { AutoForecaster, type NeuralForecaster } from './auto.js';
import { aWindow, series } from './fixtures/series.js';
import type { Forecaster } from './forecaster.js';

/** Forecasts nothing, but says who was asked. */
function fake(name: string, failure?: Error): Forecaster & { readonly asked: number[] } {
  const asked: number[] = [];
  return {
    name,
    asked,
    forecast: (windows, horizon) => {
      asked.push(windows.length);
      if (failure) return Promise.reject(failure);
      return Promise.resolve(windows.map((window) => forecastOf(name, window, horizon)));
    },
  };
}

function forecastOf(model: string, window: ContextWindow, horizon: number): QuantileForecast {
  return {
    ...window,
    model,
    provider: 'js',
    mean: new Float64Array(horizon),
    quantiles: new Float64Array(horizon * 13),
    status: 'ok',
    parts: { observed: 1, chosen: { [model]: 'asked for' } },
  };
}

const neural = (failure?: Error): NeuralForecaster & { readonly asked: number[] } => ({
  ...fake('ttm/base', failure),
  minContext: 16,
  predictionLength: 96,
});
const long = aWindow(series(100, (t) => t));
const short = aWindow([1, 2]);

describe('AutoForecaster', () => {
  it('asks the network where its context is met, and the baseline elsewhere, and keeps the order', async () => {
    const [network, baseline] = [neural(), fake('drift')];
    const forecasts = await new AutoForecaster({ neural: network, baseline }).forecast([short, long, short], 24);
    expect(forecasts.map(({ model, status }) => [model, status])).toEqual([
      ['drift', 'short-context'],
      ['ttm/base', 'ok'],
      ['drift', 'short-context'],
    ]);
    expect([network.asked, baseline.asked]).toEqual([[1], [2]]);
    expect(forecasts[0]!.parts).toEqual({
      observed: 1,
      chosen: { 'ttm/base': 'passed over: 2 of 16 observed points that it needs', drift: 'asked for' },
    });
    expect(forecasts[1]!.parts.chosen).toEqual({ 'ttm/base': 'its context is met' });
  });

  it('counts observed points, not slots', async () => {
    const gappy = aWindow(series(400, (t) => (t % 40 === 0 ? t : Number.NaN)));
    const [forecast] = await new AutoForecaster({ neural: neural(), baseline: fake('drift') }).forecast([gappy], 1);
    expect(forecast!.model).toBe('drift');
  });

  it('passes the network over for a horizon at which it would feed on itself', async () => {
    const auto = new AutoForecaster({ neural: neural(), baseline: fake('mstl') });
    const [near] = await auto.forecast([long], 768);
    const [far] = await auto.forecast([long], 769);
    expect([near!.model, far!.model]).toEqual(['ttm/base', 'mstl']);
    expect(far!.status).toBe('ok');
    expect(far!.parts.chosen).toMatchObject({ 'ttm/base': 'passed over: horizon 769 is beyond 768 steps' });
  });

  it('serves baselines when the network is not there, and says why', async () => {
    const auto = new AutoForecaster({ missing: { 'ttm/base': 'refused: sha256' }, baseline: fake('ets') });
    const [forecast] = await auto.forecast([long], 1);
    expect(forecast!.model).toBe('ets');
    expect(forecast!.parts.chosen).toEqual({ 'ttm/base': 'refused: sha256', ets: 'asked for' });
  });

  it('serves baselines when the network fails, and says why', async () => {
    const failure = new PlatformError('INFERENCE_FAILED', 'the worker thread died twice');
    const auto = new AutoForecaster({ neural: neural(failure), baseline: fake('ets') });
    const [forecast] = await auto.forecast([long], 1);
    expect(forecast!.parts.chosen).toEqual({
      'ttm/base': 'failed: the worker thread died twice',
      ets: 'asked for',
    });
  });

  it('does not hide that the platform is overloaded', async () => {
    const auto = new AutoForecaster({ neural: neural(new PlatformError('OVERLOADED', 'full')), baseline: fake('ets') });
    await expect(auto.forecast([long], 1)).rejects.toMatchObject({ code: 'OVERLOADED' });
  });

  it('answers no windows with nothing', async () => {
    await expect(new AutoForecaster({ neural: neural(), baseline: fake('ets') }).forecast([], 1)).resolves.toEqual([]);
  });
});
