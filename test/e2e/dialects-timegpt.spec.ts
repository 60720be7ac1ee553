import { makeKey } from '@app/access';
import { ApiKeyRepository } from '@app/persistence';
import { describeWithPython } from '../support/python-peer.js';
import { RestProcess, useRestProcess, type Json } from '../support/rest-process.js';

const rest = useRestProcess();

/** Columns of a table of pandas. */
type Table<Column extends string = string> = Record<Column, (number | string | boolean | null)[]>;
interface Forecast {
  readonly item_id: string;
  readonly channel: string;
  readonly mean: number[];
  readonly quantiles: Record<string, number[]>;
}

/** The same values as `wave` in Python: they have few digits, and so come through the client's single precision unharmed. */
function wave(points: number, level: number): number[] {
  return Array.from(
    { length: points },
    (_, i) => level + Math.round(640 * Math.sin((i * Math.PI) / 12)) / 64 + (i % 7) / 8,
  );
}

const PRELUDE = (url: string) => `
import logging, math, warnings
import numpy as np, pandas as pd
from nixtla import NixtlaClient
warnings.filterwarnings("ignore", category=FutureWarning)
logging.disable(logging.WARNING)
client = NixtlaClient(api_key="whatever", base_url="${url}", max_retries=1)

def wave(points, level):
    return [level + math.floor(640 * math.sin(i * math.pi / 12) + 0.5) / 64 + (i % 7) / 8 for i in range(points)]

def frame(freq, start="2026-01-01", points=(240, 100)):
    return pd.concat([
        pd.DataFrame({"unique_id": f"shop-{i:03d}", "ds": pd.date_range(start, periods=n, freq=freq), "y": wave(n, 20 + 10 * i)})
        for i, n in enumerate(points)
    ])
`;

/** The forecasts that `POST /api/v1/forecasts` gives for the same series. */
async function ours(
  freq: string,
  extra: Json,
  start = '2026-01-01T00:00:00Z',
  points = [240, 100],
): Promise<Forecast[]> {
  const series = points.map((n, i) => ({ item_id: `#${i}`, freq, start, target: wave(n, 20 + 10 * i) }));
  const { status, body } = await rest().post<{ forecasts: Forecast[] }>('/forecasts', { series, ...extra });
  expect(status).toBe(200);
  return body.forecasts;
}

function means(forecasts: readonly Forecast[]): number[] {
  return forecasts.flatMap(({ mean }) => mean);
}

describeWithPython('the nixtla client of TimeGPT', (peer) => {
  beforeAll(() => peer().run(PRELUDE(rest().url)));

  it('forecasts several series with levels, the numbers of POST /forecasts', async () => {
    const table = await peer().run<Table>('result = client.forecast(frame("h"), h=24, level=[80, 95])');

    expect(Object.keys(table)).toEqual([
      'unique_id',
      'ds',
      'TimeGPT',
      'TimeGPT-hi-80',
      'TimeGPT-hi-95',
      'TimeGPT-lo-80',
      'TimeGPT-lo-95',
    ]);
    expect(table.unique_id).toEqual([...Array<string>(24).fill('shop-000'), ...Array<string>(24).fill('shop-001')]);
    expect(table.ds!.slice(0, 2)).toEqual(['2026-01-11T00:00:00', '2026-01-11T01:00:00']);
    const forecasts = await ours('PT1H', { horizon: 24, levels: [0.025, 0.1, 0.9, 0.975] });
    expect(table.TimeGPT).toEqual(means(forecasts));
    for (const [column, level] of Object.entries({ 'lo-95': 0.025, 'lo-80': 0.1, 'hi-80': 0.9, 'hi-95': 0.975 })) {
      expect(table[`TimeGPT-${column}`]).toEqual(forecasts.flatMap(({ quantiles }) => quantiles[String(level)]!));
    }
  });

  it.each([
    ['D', 'P1D'],
    ['W', 'P1W'],
    ['MS', 'P1M'],
    ['ME', 'P1M'],
    ['QS', 'P3M'],
    ['YS', 'P1Y'],
    ['15min', 'PT15M'],
    ['2h', 'PT2H'],
    ['s', 'PT1S'],
  ])('forecasts with the frequency %s', async (alias, freq) => {
    const table = await peer().run<Table>(
      `result = client.forecast(frame("${alias}", points=(104, 100)), h=3, model="seasonal-naive", freq="${alias}")`,
    );

    const forecasts = await ours(freq, { horizon: 3, model: 'seasonal-naive', levels: [0.5] }, undefined, [104, 100]);
    expect(table.TimeGPT).toEqual(means(forecasts));
  });

  it('takes business days, whose week has five', async () => {
    const table = await peer().run<Table>(`
days = pd.date_range("2026-01-01", periods=60, freq="B")
df = pd.DataFrame({"unique_id": "m", "ds": days, "y": [10 * (i % 5) for i in range(60)]})
result = client.forecast(df, h=5, freq="B", model="seasonal-naive")`);

    expect(table.TimeGPT).toEqual([0, 10, 20, 30, 40]);
    expect(table.ds![0]).toBe('2026-03-26T00:00:00');
  });

  it('takes integers as times, and times of a zone with daylight saving', async () => {
    const integers = await peer().run<Table>(`
df = pd.DataFrame({"unique_id": 7, "ds": range(48), "y": wave(48, 5)})
result = client.forecast(df, h=2, freq=1, model="seasonal-naive")`);
    expect(integers).toMatchObject({ unique_id: [7, 7], ds: [48, 49] });
    const berlin = await peer().run<Table>(`
df = pd.DataFrame({"unique_id": "z", "ds": pd.date_range("2026-03-20", periods=240, freq="h", tz="Europe/Berlin"), "y": wave(240, 20)})
result = client.forecast(df, h=2, freq="h", model="ttm")`);
    expect(berlin.TimeGPT).toEqual(means(await ours('PT1H', { horizon: 2, model: 'ttm' }, undefined, [240])));
  });

  it('gives quantiles, the median among them', async () => {
    const table = await peer().run<Table>('result = client.forecast(frame("h"), h=3, quantiles=[0.1, 0.5, 0.9])');

    const forecasts = await ours('PT1H', { horizon: 3, levels: [0.1, 0.9] });
    expect(table['TimeGPT-q-10']).toEqual(forecasts.flatMap(({ quantiles }) => quantiles['0.1']!));
    expect(table['TimeGPT-q-90']).toEqual(forecasts.flatMap(({ quantiles }) => quantiles['0.9']!));
    expect(table['TimeGPT-q-50']).toEqual(table.TimeGPT);
  });

  it('treats NaN as a gap, and leaves missing and repeated times to the client to refuse', async () => {
    const table = await peer().run<Table>(`
df = frame("h", points=(240,))
df.loc[200:210, "y"] = np.nan
result = client.forecast(df, h=2, model="ttm")`);
    const target = wave(240, 20).map((value, i) => (i >= 200 && i <= 210 ? null : value));
    const series = [{ item_id: '#0', freq: 'PT1H', start: '2026-01-01T00:00:00Z', target }];
    const { body } = await rest().post<{ forecasts: Forecast[] }>('/forecasts', { series, horizon: 2, model: 'ttm' });
    expect(table.TimeGPT).toEqual(means(body.forecasts));

    expect(await peer().failure('client.forecast(frame("h").drop(index=5), h=2, freq="h")')).toContain(
      'missing timestamps',
    );
    expect(await peer().failure('client.forecast(pd.concat([frame("h")] * 2), h=2, freq="h")')).toContain('duplicate');
  });

  it('does not mind unsorted rows', async () => {
    const shuffled = await peer().run<Table>(
      'result = client.forecast(frame("h").sample(frac=1, random_state=1), h=3, freq="h", model="ttm")',
    );

    expect(shuffled.TimeGPT).toEqual(means(await ours('PT1H', { horizon: 3, model: 'ttm' })));
  });

  it('sends large requests as Zstandard, more series than one call may have, and partitions', async () => {
    const table = await peer().run<Table>(
      'result = client.forecast(frame("h", points=[480] * 250), h=1, model="seasonal-naive")',
    );
    expect(table.TimeGPT).toHaveLength(250);
    const few = await ours('PT1H', { horizon: 1, model: 'seasonal-naive' }, undefined, Array<number>(20).fill(480));
    expect(table.TimeGPT!.slice(0, 20)).toEqual(means(few));

    const three = 'frame("h", points=(240, 100, 50)), h=2, level=[80], model="ttm"';
    const whole = await peer().run<Table>(`result = client.forecast(${three})`);
    expect(await peer().run(`result = client.forecast(${three}, num_partitions=2)`)).toEqual(whole);
  }, 90_000);

  it('adds the history', async () => {
    const table = await peer().run<Table>(
      'result = client.forecast(frame("h", points=(240,)), h=2, level=[80], add_history=True, model="ttm")',
    );

    // Three quarters of the past in windows of 60, and two steps ahead.
    expect(table.TimeGPT).toHaveLength(180 + 2);
    expect(table.ds![0]).toBe('2026-01-03T12:00:00');
    const [ahead] = await ours('PT1H', { horizon: 2, model: 'ttm' }, undefined, [240]);
    expect(table.TimeGPT!.slice(180)).toEqual(ahead!.mean);
    const [past] = await ours('PT1H', { horizon: 60, model: 'ttm' }, undefined, [60]);
    expect(table.TimeGPT!.slice(0, 60)).toEqual(past!.mean);
  });

  it('cross-validates', async () => {
    const table = await peer().run<Table>(
      'result = client.cross_validation(frame("h"), h=4, n_windows=3, step_size=2, level=[90], model="ttm")',
    );

    expect(table.unique_id).toHaveLength(2 * 3 * 4);
    expect([...new Set(table.cutoff)]).toEqual([
      '2026-01-10T15:00:00',
      '2026-01-10T17:00:00',
      '2026-01-10T19:00:00',
      '2026-01-04T19:00:00',
      '2026-01-04T21:00:00',
      '2026-01-04T23:00:00',
    ]);
    expect(table.y!.slice(0, 4)).toEqual(wave(240, 20).slice(232, 236));
    const [first] = await ours('PT1H', { horizon: 4, model: 'ttm', levels: [0.05, 0.95] }, undefined, [232]);
    expect(table.TimeGPT!.slice(0, 4)).toEqual(first!.mean);
    expect(table['TimeGPT-lo-90']!.slice(0, 4)).toEqual(first!.quantiles['0.05']);
    expect(table['TimeGPT-hi-90']!.slice(0, 4)).toEqual(first!.quantiles['0.95']);
    expect(await peer().failure('client.cross_validation(frame("h", points=(10,)), h=4, n_windows=3)')).toMatch(
      /status_code: 422.*series #0 has 10 points.*at least 13/,
    );
  });

  it('finds anomalies of the history', async () => {
    const table = await peer().run<Table>(`
df = frame("h", points=(240,))
df.loc[200, "y"] = 300
result = client.detect_anomalies(df, level=99, model="ttm")`);

    expect(Object.keys(table)).toEqual([
      'unique_id',
      'ds',
      'y',
      'TimeGPT',
      'TimeGPT-hi-99',
      'TimeGPT-lo-99',
      'anomaly',
    ]);
    const spike = table.y!.indexOf(300);
    expect(table.anomaly![spike]).toBe(true);
    table.anomaly!.forEach((anomaly, i) => {
      const outside = table.y![i]! < table['TimeGPT-lo-99']![i]! || table.y![i]! > table['TimeGPT-hi-99']![i]!;
      expect(anomaly).toBe(outside);
    });
  });

  it('finds anomalies among the newest points, each series for itself', async () => {
    const table = await peer().run<Table>(`
df = frame("h", points=(480, 240))
df.loc[(df["unique_id"] == "shop-001") & (df["ds"] == "2026-01-10 12:00"), "y"] = 300
result = client.detect_anomalies_online(df, h=12, detection_size=24, level=99.9, model="ttm")`);

    expect(table.unique_id).toHaveLength(48);
    const found = table.anomaly!.flatMap((anomaly, i) => (anomaly ? [[table.unique_id![i], table.ds![i]]] : []));
    expect(found).toEqual([['shop-001', '2026-01-10T12:00:00']]);
    table.anomaly!.forEach((anomaly, i) => expect(Number(table.anomaly_score![i]) > 1).toBe(anomaly));
    expect(table.y!.slice(0, 24)).toEqual(wave(480, 20).slice(-24));
  });

  it('finds times at which all series together are odd', async () => {
    const table = await peer().run<Table>(`
df = frame("h", points=(240, 240, 240))
df.loc[df["ds"] == "2026-01-10 12:00", "y"] += 25
result = client.detect_anomalies_online(df, h=12, detection_size=24, level=99, threshold_method="multivariate", model="ttm")`);

    const found = table.anomaly!.flatMap((anomaly, i) => (anomaly ? [table.ds![i]] : []));
    expect(found).toEqual(Array(3).fill('2026-01-10T12:00:00'));
    expect(table.accumulated_anomaly_score!.slice(0, 24)).toEqual(table.accumulated_anomaly_score!.slice(24, 48));
    const unequal =
      'client.detect_anomalies_online(frame("h"), h=2, detection_size=4, threshold_method="multivariate")';
    expect(await peer().failure(unequal)).toMatch(/status_code: 400.*cut them to the same times/);
  });

  it('uses the past of exogenous features where the model sees series together', async () => {
    const exogenous = (model: string) => `
df = frame("h", points=(240,))
df["price"] = wave(240, 3)[::-1]
result = client.forecast(df, h=3, hist_exog_list=["price"], model="${model}")`;
    const table = await peer().run<Table>(exogenous('s-mamba/base'));

    const one = { item_id: '#0', freq: 'PT1H', start: '2026-01-01T00:00:00Z' };
    const series = [
      { ...one, channel: 'y', target: wave(240, 20) },
      { ...one, channel: 'x0', target: wave(240, 3).reverse() },
    ];
    const { body } = await rest().post<{ forecasts: Forecast[] }>('/forecasts', {
      series,
      horizon: 3,
      model: 's-mamba/base',
    });
    expect(table.TimeGPT).toEqual(body.forecasts[0]!.mean);
    expect(await peer().failure(exogenous('ttm'))).toMatch(/status_code: 422.*sees one series at a time.*s-mamba/);
  });

  it('forecasts series together where it is asked to, and says where a model does not', async () => {
    const together = (model: string) =>
      `result = client.forecast(frame("h", points=(240, 240)), h=3, multivariate=True, model="${model}")`;
    const table = await peer().run<Table>(together('s-mamba/base'));

    const series = [20, 30].map((level, i) => ({
      item_id: 'all',
      channel: `#${i}`,
      freq: 'PT1H',
      start: '2026-01-01T00:00:00Z',
      target: wave(240, level),
    }));
    const { body } = await rest().post<{ forecasts: Forecast[] }>('/forecasts', {
      series,
      horizon: 3,
      model: 's-mamba/base',
    });
    expect(table.TimeGPT).toEqual(means(body.forecasts));
    expect(await peer().failure(together('ttm'))).toMatch(/status_code: 422.*sees one series at a time/);
  });

  it('checks the key, lists models, and says what is not offered and what to do instead', async () => {
    expect(await peer().run('result = client.validate_api_key()')).toBe(true);
    expect(await peer().run('result = client.list_models()')).toContain('ttm/base');
    expect(await peer().run('result = client.finetuned_models()')).toEqual([]);
    const refused: [string, RegExp][] = [
      ['client.usage()', /422.*no quotas/],
      ['client.forecast(frame("h"), h=2, finetune_steps=5)', /422.*forge -- finetune/],
      ['client.forecast(frame("h"), h=2, finetuned_model_id="mine")', /422.*leave finetuned_model_id out/],
      ['client.finetune(frame("h"))', /422.*forge -- finetune/],
      ['client.forecast(frame("h"), h=2, model_parameters={"a": 1})', /422.*leave model_parameters out/],
      ['client.forecast(frame("h"), h=2, date_features=["month"])', /422.*known ahead.*date_features/],
      ['client.cross_validation(frame("h"), h=2, date_features=["month"])', /422.*known ahead.*date_features/],
      ['client.simulate(frame("h"), h=2)', /422.*not simulated/],
      ['client.jobs.forecast(frame("h"), h=2)', /422.*answered at once/],
    ];
    for (const [code, message] of refused) expect(await peer().failure(code)).toMatch(message);
  });

  it('names what is wrong with a request', async () => {
    const refused: [string, RegExp][] = [
      ['client.forecast(frame("h"), h=2, model="prophet")', /404.*no model.*prophet.*ttm\/base/],
      ['client.forecast(frame("h"), h=2, level=[100])', /400.*level 100 is not usable/],
      ['client.forecast(frame("h"), h=1001)', /400.*limit of 1000 steps/],
      ['client.forecast(frame("us"), h=2, freq="us")', /400.*us.*not usable/],
      ['client.forecast(frame("h", points=(300,)).assign(y=np.nan), h=2)', /422.*series #0 has no value/],
      ['client.forecast(frame("h", points=[512] * 1200), h=2)', /413.*larger than 2000000 bytes/],
    ];
    for (const [code, message] of refused) expect(await peer().failure(code)).toMatch(message);
  }, 90_000);

  it('needs a good key where keys are needed', async () => {
    // No forecaster is asked before the key is.
    const guarded = await RestProcess.start({ env: { API_KEYS: 'always' }, forecasterUrl: 'http://127.0.0.1:9' });
    try {
      const { keyId, text, hash } = makeKey();
      const key = {
        keyId,
        name: 'nixtla',
        hash,
        scopes: ['read'] as const,
        itemPrefixes: null,
        createdBy: 'test',
        expiresAt: null,
      };
      await new ApiKeyRepository(guarded.dataSource).create(key);
      const as = (secret: string) => `NixtlaClient(api_key="${secret}", base_url="${guarded.url}", max_retries=1)`;

      expect(await peer().run(`result = ${as(text)}.validate_api_key()`)).toBe(true);
      expect(await peer().run(`result = ${as('tdc_wrong')}.validate_api_key()`)).toBe(false);
      expect(await peer().failure(`${as('wrong')}.forecast(frame("h"), h=2)`)).toMatch(/status_code: 401.*detail/);

      // Probes have no key; nothing else is open, in whatever dialect.
      const statuses = ['/v2/health/live', '/v2/health/ready', '/v2', '/v1/timeseries/models', '/model_params'].map(
        async (path) => (await fetch(guarded.url + path)).status,
      );
      expect(await Promise.all(statuses)).toEqual([200, 200, 401, 401, 401]);
    } finally {
      await guarded.stop();
    }
  }, 60_000);
});
