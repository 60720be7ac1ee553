import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

import { ForecasterCatalogue } from '@app/forecasters';
import { createLogger, metrics } from '@app/observability';
import {
  ContextRepository,
  ForecastRepository,
  JobRepository,
  JobTaskRepository,
  ModelRoleRepository,
  SeriesRepository,
  SkillRepository,
} from '@app/persistence';
import type { Env } from '@app/config';
import type { DataSource } from 'typeorm';

import { ContextLoader } from '../../../forecaster/src/context-loader.js';
import { ForecastService } from '../../../forecaster/src/forecast.service.js';
import { JobWorker } from '../../../forecaster/src/jobs/job.worker.js';
import { JobsService } from '../../../forecaster/src/jobs/jobs.service.js';
import { RunStarter } from '../../../forecaster/src/jobs/run-starter.js';
import { ServingService } from '../../../forecaster/src/roles/serving.service.js';
import type { Progress } from '../evaluate/progress.js';

/** What a scheduled run came to. */
export interface BatchResult {
  readonly seriesPerSecond: number;
  readonly lagP99Ms: number;
  /** Share of the time in which windows were being loaded. */
  readonly windowShare: number;
}

const POINTS = 512;
const logger = createLogger('bench', 'error');

/** Stores hourly series of a full context each: a day's wave around a level of its own. */
export async function storeSeries(dataSource: DataSource, count: number, progress: Progress): Promise<void> {
  const end = new Date(Date.UTC(2026, 0, 31));
  await dataSource.query(`SELECT ensure_observation_partitions($1::timestamptz - $2 * interval '1 hour', $1)`, [
    end,
    POINTS,
  ]);
  await dataSource.query(
    `INSERT INTO series (item_id, channel, freq) SELECT 'bench-' || n, 'value', 'PT1H' FROM generate_series(1, $1::int) AS n`,
    [count],
  );
  const slice = 500;
  for (let at = 0; at < count; at += slice) {
    await dataSource.query(
      `INSERT INTO observations (series_id, ts, value, known_at)
       SELECT series_id, ts, 100 + series_id + 10 * sin(i * pi() / 12 + series_id), ts
         FROM (SELECT series_id FROM series ORDER BY series_id OFFSET $3 LIMIT $4) AS s
        CROSS JOIN generate_series(0, $1::int - 1) AS i
        CROSS JOIN LATERAL (SELECT $2::timestamptz - ($1::int - 1 - i) * interval '1 hour' AS ts) AS t`,
      [POINTS, end, at, slice],
    );
    progress.report('storing series', Math.min(count, at + slice), count);
  }
  await dataSource.query('ANALYZE');
}

/** A scheduled run over all series by the forecaster as it works: windows, forecasts, rows. */
export async function runBatch(
  dataSource: DataSource,
  { env, model, progress }: { env: Env; model: string; progress: Progress },
): Promise<BatchResult> {
  const catalogue = await ForecasterCatalogue.load({ env, logger });
  const repository = new JobRepository(dataSource);
  const jobs = new JobsService(repository, new RunStarter(repository, env, logger), env);
  const series = new SeriesRepository(dataSource);
  const service = new ForecastService(
    series,
    new ContextLoader(new ContextRepository(dataSource), env),
    new ForecastRepository(dataSource),
    new ServingService(new SkillRepository(dataSource), new ModelRoleRepository(dataSource), catalogue, logger),
    env,
  );
  const worker = new JobWorker(dataSource, new JobTaskRepository(dataSource), series, service, env, logger);
  const lag = monitorEventLoopDelay({ resolution: 1 });
  try {
    const job = await jobs.create({ cron: '0 0 1 1 *', horizon: 96, model });
    const windowSeconds = await contextSeconds();
    const started = performance.now();
    await jobs.run(job.jobId);
    lag.enable();
    worker.onApplicationBootstrap();
    for (;;) {
      const [run] = await jobs.runs(job.jobId);
      const { seriesDone, seriesFailed, seriesTotal, status, failures } = run!;
      progress.report('scheduled batch', seriesDone + seriesFailed, seriesTotal);
      if (seriesFailed > 0) throw new Error(`${seriesFailed} series failed: ${failures[0]?.message}`);
      if (status === 'succeeded') {
        const seconds = (performance.now() - started) / 1000;
        lag.disable();
        return {
          seriesPerSecond: seriesTotal / seconds,
          lagP99Ms: lag.percentile(99) / 1e6 - 1,
          windowShare: ((await contextSeconds()) - windowSeconds) / seconds,
        };
      }
      await sleep(50);
    }
  } finally {
    await worker.onModuleDestroy();
    await catalogue.close();
  }
}

async function contextSeconds(): Promise<number> {
  const { values } = await metrics.contextSeconds.get();
  return values.find(({ metricName }) => metricName?.endsWith('_sum'))?.value ?? 0;
}
