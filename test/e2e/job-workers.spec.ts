import { setTimeout as sleep } from 'node:timers/promises';
import { PlatformError } from '@app/observability';
import { dataSourceOptions } from '@app/persistence';
import { DataSource } from 'typeorm';

import type { JobInput } from '../../apps/forecaster/src/jobs/job-input.js';
import type { JobRun } from '../../apps/forecaster/src/jobs/jobs.service.js';
import { jobWorker } from '../../apps/forecaster/test/jobs.js';
import { storeSeries } from '../../apps/forecaster/test/stored-series.js';
import { NOW, later, useJobs } from '../support/jobs.js';
import { TidecastProcess, eventually } from '../support/processes.js';

const { database, db, forecaster, services, create, manySeries, runsOf, workOff } = useJobs();
const numberOf = async (table: string) =>
  (await db().query<{ n: number }[]>(`SELECT count(*)::int AS n FROM ${table}`))[0]!.n;
/** A promise and what resolves it. */
const gate = () => {
  const doors: (() => void)[] = [];
  const opened = new Promise<void>((resolve) => doors.push(resolve));
  return { opened, open: () => doors.forEach((door) => door()) };
};
const until = async (condition: () => boolean | Promise<boolean>) => {
  while (!(await condition())) await sleep(10);
};

/** A job over `count` series whose run has begun. */
async function begun(count: number, { taskSeries = 10, ...input }: Partial<JobInput> & { taskSeries?: number } = {}) {
  await manySeries(count);
  const { jobId } = await create(input);
  const run = await services(taskSeries).jobs.run(jobId, NOW);
  return { jobId, run, read: async (): Promise<JobRun> => (await runsOf(jobId))[0]! };
}

describe('a worker', () => {
  it('forecasts every series of a run and closes it', async () => {
    const { run, read } = await begun(25);

    await expect(workOff()).resolves.toEqual(['done', 'done', 'done', 'idle']);

    await expect(read()).resolves.toMatchObject({ status: 'succeeded', seriesTotal: 25, seriesDone: 25, failures: [] });
    expect((await read()).durationMs).toBeGreaterThan(0);
    const [stored] = await db().query(
      `SELECT count(*)::int AS rows, count(DISTINCT series_id)::int AS series, min(horizon) AS horizon,
              bool_and(run_id = $1) AS own FROM forecasts`,
      [run.runId],
    );
    expect(stored).toEqual({ rows: 25, series: 25, horizon: 2, own: true });
    await expect(numberOf('job_tasks')).resolves.toBe(0);
    await expect(numberOf('job_task_attempts')).resolves.toBe(0);
  });

  it('shows its progress while it runs', async () => {
    const { read } = await begun(25);
    const worker = jobWorker(db(), forecaster());

    const seen: number[] = [];
    for (let task = 0; task < 3; task++) {
      await worker.work(NOW);
      seen.push((await read()).seriesDone);
    }
    expect(seen).toEqual([10, 20, 25]);
  });

  it('records series that fail, with code, beside those that succeed', async () => {
    await storeSeries(db(), { itemId: 'new', channel: 'flow' });
    const { read } = await begun(12);
    forecaster().tooShort.add('s-3');

    await workOff();

    const run = await read();
    expect(run).toMatchObject({ status: 'partly-failed', seriesTotal: 13, seriesDone: 11, seriesFailed: 2 });
    expect(run.failures).toEqual([
      { itemId: 'new', channel: 'flow', code: 'NO_OBSERVATIONS', message: expect.any(String) },
      { itemId: 's-3', channel: 'value', code: 'CONTEXT_TOO_SHORT', message: expect.any(String) },
    ]);
  });

  it('keeps the first 100 failures and the count of all', async () => {
    const { read } = await begun(150, { taskSeries: 70 });
    for (let n = 1; n <= 150; n++) forecaster().tooShort.add(`s-${n}`);

    await workOff();

    const run = await read();
    expect(run).toMatchObject({ status: 'failed', seriesDone: 0, seriesFailed: 150 });
    expect(run.failures).toHaveLength(100);
  });

  it('shares 200 series with others, without doubles and without loss', async () => {
    const { read } = await begun(200, { taskSeries: 7 });
    const others = await Promise.all(
      [1, 2, 3].map(() => new DataSource(dataSourceOptions(database().url, 4)).initialize()),
    );
    forecaster().before = () => sleep(5);

    const shares = await Promise.all(others.map((source) => workOff(jobWorker(source, forecaster()))));

    await Promise.all(others.map((source) => source.destroy()));
    await expect(read()).resolves.toMatchObject({ status: 'succeeded', seriesDone: 200, seriesFailed: 0 });
    const [stored] = await db().query(
      `SELECT count(*)::int AS rows, count(DISTINCT series_id)::int AS series FROM forecasts`,
    );
    expect(stored).toEqual({ rows: 200, series: 200 });
    expect(shares.every((statuses) => statuses.length > 3)).toBe(true);
    expect(shares.flat().filter((status) => status === 'done')).toHaveLength(29);
  });

  it('that is killed in the middle leaves its task as it was, for another', async () => {
    const { run, read } = await begun(10);
    const doomed = await new DataSource(dataSourceOptions(database().url, 4, 'doomed')).initialize();
    const held = gate();
    forecaster().before = () => held.opened;
    const killed = jobWorker(doomed, forecaster()).work(NOW);
    await until(() => forecaster().calls.length === 1);

    // Meanwhile nobody else gets it.
    await expect(jobWorker(db(), forecaster()).work(NOW)).resolves.toBe('idle');
    await db().query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'doomed'`);
    held.open();
    await killed.catch(() => undefined);
    await doomed.destroy();

    await expect(read()).resolves.toMatchObject({ status: 'running', seriesDone: 0 });
    await expect(workOff(undefined, later(60))).resolves.toEqual(['done', 'idle']);
    await expect(read()).resolves.toMatchObject({ status: 'succeeded', seriesDone: 10 });
    await expect(
      db().query(
        `SELECT count(*)::int AS n, count(DISTINCT series_id)::int AS series FROM forecasts WHERE run_id = $1`,
        [run.runId],
      ),
    ).resolves.toEqual([{ n: 10, series: 10 }]);
  });

  it('gives up on a task after three attempts, and the others are done', async () => {
    const { read } = await begun(25);
    forecaster().before = (windows) => {
      if (windows.some(({ itemId }) => itemId === 's-12')) throw new PlatformError('INFERENCE_FAILED', 'out of memory');
    };
    const worker = jobWorker(db(), forecaster());

    await expect(workOff(worker, NOW)).resolves.toEqual(['done', 'failed', 'done', 'idle']);
    await expect(workOff(worker, later(2))).resolves.toEqual(['failed', 'idle']);
    await expect(workOff(worker, later(4))).resolves.toEqual(['idle']);
    await expect(workOff(worker, later(8))).resolves.toEqual(['failed', 'gave-up', 'idle']);

    const run = await read();
    expect(run).toMatchObject({ status: 'partly-failed', seriesDone: 15, seriesFailed: 10 });
    expect(run.failures).toHaveLength(10);
    expect(run.failures[0]).toEqual({
      itemId: 's-11',
      channel: 'value',
      code: 'INFERENCE_FAILED',
      message: 'out of memory',
    });
    await expect(numberOf('forecasts')).resolves.toBe(15);
  });

  it('counts attempts of which no worker lived to tell', async () => {
    const { read } = await begun(1);
    for (let kill = 0; kill < 3; kill++) {
      // What a killed process leaves behind: the attempt counted, the task's transaction rolled back.
      await db().query(
        `INSERT INTO job_task_attempts (task_id, run_id, attempts) SELECT task_id, run_id, 1 FROM job_tasks
         ON CONFLICT (task_id) DO UPDATE SET attempts = job_task_attempts.attempts + 1`,
      );
    }

    await expect(workOff()).resolves.toEqual(['gave-up', 'idle']);

    const run = await read();
    expect(run).toMatchObject({ status: 'failed', failures: [{ itemId: 's-1', code: 'INTERNAL' }] });
    expect(run.failures[0]!.message).toMatch(/ended 3 times/);
  });

  it('does not try again what no retry can change', async () => {
    const { read } = await begun(1, { model: 'nonsense' });

    await expect(workOff()).resolves.toEqual(['failed', 'gave-up', 'idle']);

    await expect(read()).resolves.toMatchObject({ status: 'failed', failures: [{ code: 'MODEL_NOT_FOUND' }] });
  });

  it('waits when the queue is full, which is nobody’s failure', async () => {
    const { read } = await begun(1);
    const worker = jobWorker(db(), forecaster());
    forecaster().before = () => Promise.reject(new PlatformError('OVERLOADED', 'the queue is full'));
    for (let i = 0; i < 5; i++) await expect(worker.work(NOW)).resolves.toBe('overloaded');

    forecaster().before = () => undefined;
    await expect(worker.work(NOW)).resolves.toBe('done');

    await expect(read()).resolves.toMatchObject({ status: 'succeeded' });
  });

  it('finishes its task when it is stopped', async () => {
    const { read } = await begun(25);
    const worker = jobWorker(db(), forecaster());
    forecaster().before = () => sleep(300);
    worker.onApplicationBootstrap();
    await until(() => forecaster().calls.length === 1);

    await worker.onModuleDestroy();

    await expect(read()).resolves.toMatchObject({ status: 'running', seriesDone: 10 });
    await expect(numberOf('job_tasks')).resolves.toBe(2);
  });

  it('gives a long task back when it is stopped, within two seconds', async () => {
    const { read } = await begun(10);
    const worker = jobWorker(db(), forecaster());
    const held = gate();
    forecaster().before = () => held.opened;
    worker.onApplicationBootstrap();
    await until(() => forecaster().calls.length === 1);

    const begin = performance.now();
    await worker.onModuleDestroy();
    expect(performance.now() - begin).toBeLessThan(2_000);

    const attempts = await db().query(`SELECT attempts FROM job_task_attempts`);
    expect(attempts).toEqual([{ attempts: 0 }]);
    held.open();
    await expect(workOff()).resolves.toEqual(['done', 'idle']);
    await expect(read()).resolves.toMatchObject({ status: 'succeeded', seriesDone: 10 });
    await expect(numberOf('forecasts')).resolves.toBe(10);
  });

  it('begins a run that is started while it rests when it is woken', async () => {
    const worker = jobWorker(db(), forecaster());
    worker.onApplicationBootstrap();
    const { read } = await begun(3);
    worker.wake();

    await until(async () => (await read()).status === 'succeeded');
    await worker.onModuleDestroy();
  });
});

it('a job can be deleted while it runs; its forecasts stay', async () => {
  const { jobId } = await begun(20);
  const held = gate();
  forecaster().before = () => held.opened;
  const worker = jobWorker(db(), forecaster());
  const working = worker.work(NOW);
  await until(() => forecaster().calls.length === 1);

  const deleting = services().jobs.delete(jobId);
  await sleep(50);
  held.open();
  await expect(working).resolves.toBe('done');
  await deleting;

  await expect(numberOf('job_runs')).resolves.toBe(0);
  await expect(numberOf('job_tasks')).resolves.toBe(0);
  await expect(numberOf('forecasts')).resolves.toBe(10);
  await expect(worker.work(NOW)).resolves.toBe('idle');
});

describe('a process', () => {
  const started: TidecastProcess[] = [];
  const start = async () => {
    const env = { DATABASE_URL: database().url, JOB_TASK_SERIES: '4', PROVIDER: 'cpu', LOG_LEVEL: 'warn' };
    const spawned = await TidecastProcess.spawn({ env });
    started.push(spawned);
    await spawned.untilReady();
  };
  afterEach(() => Promise.all(started.splice(0).map((one) => one.kill())));

  it('that is killed with SIGKILL in the middle of a run loses and doubles nothing', async () => {
    await manySeries(400);
    await Promise.all([start(), start()]);
    // Not due by itself while the test runs.
    const { jobId } = await create({ horizon: 48, cron: '0 0 29 2 *' }, new Date());
    await services(4).jobs.run(jobId, new Date());
    const current = async () => (await runsOf(jobId)).at(-1)!;

    for (const done of [40, 160]) {
      await eventually(async () => (await current()).seriesDone >= done, 60_000);
      await started.shift()!.kill();
      await start();
    }
    await eventually(async () => (await current()).finishedAt !== null, 60_000);

    const run = await current();
    expect(run).toMatchObject({ status: 'succeeded', seriesTotal: 400, seriesDone: 400, failures: [] });
    const [stored] = await db().query(
      `SELECT count(*)::int AS rows, count(DISTINCT series_id)::int AS series FROM forecasts WHERE run_id = $1`,
      [run.runId],
    );
    expect(stored).toEqual({ rows: 400, series: 400 });
  }, 300_000);
});
