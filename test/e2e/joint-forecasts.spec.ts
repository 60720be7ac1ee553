import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ForecasterCatalogue, type Forecaster } from '@app/forecasters';
import { silentLogger } from '@app/observability';

import { forecastService } from '../../apps/forecaster/test/forecast-service.js';
import { jobServices, jobWorker } from '../../apps/forecaster/test/jobs.js';
import { storeSeries } from '../../apps/forecaster/test/stored-series.js';
import { truncate, useDatabase } from '../support/database.js';
import { writeEveryPackage } from '../support/tiny-packages.js';

const HOUR = 3_600_000;
/** Eleven packages are proven, on a machine that may be busy. */
const TIMEOUT_MS = 60_000;
const START = Date.parse('2026-01-01T00:00:00Z');
const NOW = new Date('2026-02-01T00:00:00Z');
/** A model that forecasts the channels of an item together, and one that was made for temp, flow and absent. */
const MODEL = 's-mamba/tiny';
const MADE_FOR = 's-mamba/pump';

describe('a model that sees the channels of an item together', () => {
  const database = useDatabase();
  let folder: string;
  let catalogue: ForecasterCatalogue;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tidecast-joint-'));
    writeEveryPackage(folder);
    const env = { MODELS_DIR: folder, PROVIDER: 'cpu' as const, PROVIDER_STRICT: false, INFERENCE_THREADS: 1 };
    catalogue = await ForecasterCatalogue.load({ env, logger: silentLogger() });
  }, TIMEOUT_MS);
  beforeEach(() => truncate(database().dataSource, 'forecasts', 'observations', 'observation_revisions', 'series'));
  afterAll(async () => {
    await catalogue.close();
    rmSync(folder, { recursive: true });
  });

  /** The model under the name `auto`, counting the windows that it answers and those that only help. */
  const watched = (name: string) => {
    const calls: { windows: number; beside: number }[] = [];
    const model = catalogue.resolve(name);
    const forecaster: Forecaster = {
      name,
      together: model.together,
      forecast: (windows, horizon, beside = []) => {
        calls.push({ windows: windows.length, beside: beside.length });
        return model.forecast(windows, horizon, beside);
      },
    };
    return { calls, service: forecastService(database().dataSource, forecaster), forecaster };
  };
  const store = (itemId: string, channel: string, at: (t: number) => number, length = 100) =>
    storeSeries(database().dataSource, {
      itemId,
      channel,
      freq: 'PT1H',
      points: Array.from({ length }, (_, t) => [START + t * HOUR, at(t)] as const),
    });
  const storePump = async () => [
    await store('pump', 'flow', (t) => 50 + Math.sin(t)),
    await store('pump', 'temp', (t) => t),
    await store('pump', 'level', (t) => Math.cos(t)),
  ];
  const ask = (series: readonly object[], model = MODEL) =>
    watched(model).service.forecast({ series: series as [], horizon: 30, model: 'auto', store: true }, NOW);

  it('sees the others when one is asked for, and answers for that one only', async () => {
    await storePump();
    const { forecasts, failures } = await ask([{ itemId: 'pump', channel: 'flow' }]);
    expect(failures).toEqual([]);
    expect(forecasts.map(({ channel, parts }) => [channel, parts.jointChannels])).toEqual([['flow', { together: 3 }]]);
    const rows = await database().dataSource.query<{ n: number }[]>('SELECT count(*)::int AS n FROM forecasts');
    expect(rows[0]!.n).toBe(1);
  });

  it('gives the same numbers for one and for all', async () => {
    await storePump();
    const { forecasts: all } = await ask([{ itemId: 'pump' }]);
    const { forecasts: one } = await ask([{ itemId: 'pump', channel: 'temp' }]);
    expect(all.map(({ channel }) => channel)).toEqual(['flow', 'level', 'temp']);
    expect(one[0]!.quantiles).toEqual(all[2]!.quantiles);
  });

  it('sees what was known at the time', async () => {
    await storePump();
    await store('pump', 'late', (t) => 1000 * t, 5);
    const { service } = watched(MODEL);
    const command = { series: [{ itemId: 'pump', channel: 'flow' }], horizon: 3, model: 'auto', store: false } as const;
    const then = await service.forecast({ ...command, asOf: new Date(START + 50 * HOUR).toISOString() }, NOW);
    expect(then.forecasts[0]!.parts.jointChannels).toEqual({ together: 4 });
    const earlier = await service.forecast({ ...command, asOf: new Date(START).toISOString() }, NOW);
    expect(earlier.forecasts[0]!.cutoff).toBe('2026-01-01T00:00:00.000Z');
  });

  it('puts inline series of one item together', async () => {
    const series = ['flow', 'temp'].map((channel, i) => ({
      itemId: 'inline',
      channel,
      freq: 'PT1H',
      start: '2026-01-01T00:00:00Z',
      target: Array.from({ length: 60 }, (_, t) => Math.sin(t + i)),
    }));
    const { forecasts } = await ask(series);
    expect(forecasts.map(({ parts }) => parts.jointChannels)).toEqual([{ together: 2 }, { together: 2 }]);
  });

  it('fails a channel that the model was not made for, and no other', async () => {
    await storePump();
    const { forecasts, failures } = await ask([{ itemId: 'pump' }], MADE_FOR);
    expect(forecasts.map(({ channel }) => channel)).toEqual(['flow', 'temp']);
    expect(forecasts[0]!.parts.jointChannels).toEqual({ together: 2, leftOut: { absent: 'there is none' } });
    expect(failures).toMatchObject([{ channel: 'level', code: 'CHANNEL_NOT_IN_MODEL' }]);
  });

  it('forecasts all channels of a run at once, those of an item never in two tasks', async () => {
    for (const item of ['a', 'b', 'c']) {
      for (const channel of ['x', 'y', 'z']) await store(item, channel, (t) => Math.sin(t));
    }
    const { dataSource } = database();
    const { jobs } = jobServices(dataSource, 4);
    const job = await jobs.create({ cron: '0 * * * *', horizon: 2, model: 'auto' }, NOW);
    await jobs.run(job.jobId, NOW);
    const { calls, forecaster } = watched(MODEL);
    const worker = jobWorker(dataSource, forecaster);
    while ((await worker.work(NOW)) === 'done');
    expect(calls.reduce((sum, { windows }) => sum + windows, 0)).toBe(9);
    expect(calls.every(({ beside }) => beside === 0)).toBe(true);
  });
});
