import { setTimeout as sleep } from 'node:timers/promises';
import { PlatformError } from '@app/observability';
import { dataSourceOptions } from '@app/persistence';
import { DataSource } from 'typeorm';

import type { JobInput } from '../../apps/forecaster/src/jobs/job-input.js';
import type { JobRun } from '../../apps/forecaster/src/jobs/jobs.service.js';
import { jobServices, jobWorker } from '../../apps/forecaster/test/jobs.js';
import { RecordingForecaster } from '../../apps/forecaster/test/recording-forecaster.js';
import { storeManySeries, storeSeries } from '../../apps/forecaster/test/stored-series.js';
import { truncate, useDatabase } from '../support/database.js';
import { TidecastProcess, eventually } from '../support/processes.js';

const NOW = new Date('2026-05-01T12:00:30Z');
const later = (seconds: number) => new Date(NOW.getTime() + seconds * 1000);

const database = useDatabase();
const db = () => database().dataSource;
const services = (taskSeries?: number) => jobServices(db(), taskSeries);
let forecaster: RecordingForecaster;
beforeEach(async () => {
  forecaster = new RecordingForecaster();
  await truncate(db(), 'jobs', 'forecasts', 'observations', 'series');
});

const create = (input: Partial<JobInput> = {}, now = NOW) =>
  services().jobs.create({ cron: '0 * * * *', horizon: 2, ...input }, now);
const manySeries = (count: number) =>
  storeManySeries(db(), { prefix: 's', count, length: 8, end: '2026-05-01T12:00:00Z' });
const runsOf = (jobId: string) => services().jobs.runs(jobId);
const numberOf = async (table: string) =>
  (await db().query<{ n: number }[]>(`SELECT count(*)::int AS n FROM ${table}`))[0]!.n;
/** Works until nothing is left; gives what each look for work came to. */
const workOff = async (worker = jobWorker(db(), forecaster), now = NOW) => {
  const statuses: string[] = [];
  while (statuses.at(-1) !== 'idle') statuses.push(await worker.work(now));
  return statuses;
};
/** A promise and what resolves it. */
const gate = () => {
  const doors: (() => void)[] = [];
  const opened = new Promise<void>((resolve) => doors.push(resolve));
  return { opened, open: () => doors.forEach((door) => door()) };
};
const until = async (condition: () => boolean | Promise<boolean>) => {
  while (!(await condition())) await sleep(10);
};

describe('a job', () => {
  it('is made with its next run, and listed', async () => {
    const job = await create({ name: 'hourly', cron: '30 6 * * *', timeZone: 'Europe/Berlin', selector: {} });

    expect(job).toMatchObject({ name: 'hourly', model: 'auto', enabled: true });
    expect(job.nextRunAt).toEqual(new Date('2026-05-02T04:30:00Z'));
    await expect(services().jobs.list()).resolves.toEqual([job]);
  });

  it.each([
    [{ cron: '61 * * * *' }, 'CRON_INVALID'],
    [{ cron: '@daily' }, 'CRON_INVALID'],
    [{ cron: '0 0 30 2 *' }, 'CRON_INVALID'],
    [{ cron: '* * * * * * *' }, 'CRON_INVALID'],
    [{ timeZone: 'Mars/Olympus' }, 'TIME_ZONE_INVALID'],
    [{ horizon: 0 }, 'INVALID_REQUEST'],
    [{ horizon: 5000 }, 'HORIZON_TOO_LONG'],
    [{ selector: { itemIds: [] } }, 'INVALID_REQUEST'],
    [{ name: ' ' }, 'INVALID_REQUEST'],
  ])('is refused with %j', async (input, code) => {
    await expect(create(input)).rejects.toMatchObject({ code });
  });

  it('has a name of its own', async () => {
    await create({ name: 'x' });

    await expect(create({ name: 'x' })).rejects.toMatchObject({ code: 'JOB_NAME_TAKEN' });
  });

  it('that does not exist is not found', async () => {
    const { jobs } = services();

    for (const id of ['nonsense', '00000000-0000-4000-8000-000000000000']) {
      await expect(jobs.get(id)).rejects.toMatchObject({ code: 'NOT_FOUND', message: expect.stringContaining(id) });
      await expect(jobs.run(id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await expect(jobs.runs(id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await expect(jobs.delete(id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    }
  });

  it('selects by item, by label, by both, or everything', async () => {
    for (const [itemId, site] of [
      ['a', 'north'],
      ['b', 'north'],
      ['c', 'south'],
    ] as const) {
      await storeSeries(db(), { itemId, labels: { site, kind: 'pump' } });
    }
    const { jobs } = services();
    const selected = async (selector: JobInput['selector']) => {
      const { jobId } = await create({ selector });
      return (await jobs.run(jobId)).seriesTotal;
    };

    await expect(selected({ itemIds: ['a', 'c', 'ghost'] })).resolves.toBe(2);
    await expect(selected({ labels: { site: 'north' } })).resolves.toBe(2);
    await expect(selected({ labels: { site: 'north', kind: 'fan' } })).resolves.toBe(0);
    await expect(selected({ itemIds: ['b', 'c'], labels: { site: 'north' } })).resolves.toBe(1);
    await expect(selected(undefined)).resolves.toBe(3);
  });
});

describe('a schedule', () => {
  it('starts a run when its slot has come, and not before', async () => {
    await manySeries(25);
    const { jobId } = await create();
    const { starter } = services(10);

    await expect(starter.startDue(new Date('2026-05-01T12:59:59.999Z'))).resolves.toBe('nothing-due');
    await expect(starter.startDue(new Date('2026-05-01T13:00:00.500Z'))).resolves.toBe('started');

    await expect(runsOf(jobId)).resolves.toMatchObject([
      {
        status: 'running',
        scheduledFor: new Date('2026-05-01T13:00:00Z'),
        startedAt: new Date('2026-05-01T13:00:00.500Z'),
        finishedAt: null,
        durationMs: null,
        seriesTotal: 25,
        seriesDone: 0,
      },
    ]);
    await expect(services().jobs.get(jobId)).resolves.toMatchObject({ nextRunAt: new Date('2026-05-01T14:00:00Z') });
    const tasks = await db().query<{ size: number }[]>(
      `SELECT cardinality(series_ids) AS size FROM job_tasks ORDER BY task_id`,
    );
    expect(tasks.map(({ size }) => size)).toEqual([10, 10, 5]);
  });

  it('catches up once, with the newest of the slots that were missed', async () => {
    const { jobId } = await create({ cron: '*/10 * * * *' }, new Date('2026-04-20T00:01:00Z'));
    const { starter } = services();

    await expect(starter.startDue(NOW)).resolves.toBe('started');
    await expect(starter.startDue(NOW)).resolves.toBe('nothing-due');

    const runs = await runsOf(jobId);
    expect(runs.map(({ scheduledFor }) => scheduledFor)).toEqual([new Date('2026-05-01T12:00:00Z')]);
  });

  it('records a slot that comes while a run goes on as skipped, with the reason', async () => {
    await manySeries(1);
    const { jobId } = await create({ cron: '* * * * *' });
    const { starter } = services();

    await starter.startDue(later(60));
    await expect(starter.startDue(later(120))).resolves.toBe('skipped');
    await workOff();
    await expect(starter.startDue(later(180))).resolves.toBe('started');

    const runs = await runsOf(jobId);
    expect(runs.map(({ status }) => status)).toEqual(['running', 'skipped', 'succeeded']);
    expect(runs[1]!.reason).toMatch(/still going on/);
  });

  it('starts each slot once, however many forecasters look', async () => {
    const jobs = await Promise.all(Array.from({ length: 5 }, () => create()));
    const { starter } = services();

    const looks = await Promise.all(Array.from({ length: 40 }, () => starter.startDue(later(3600))));

    expect(looks.filter((status) => status === 'started')).toHaveLength(5);
    for (const { jobId } of jobs) await expect(runsOf(jobId)).resolves.toHaveLength(1);
  });

  it('does not run a slot again that a forecaster with a faster clock has run', async () => {
    const { jobId } = await create();
    const { jobs, starter } = services();
    await starter.startDue(later(3600));
    await jobs.setEnabled(jobId, false);
    await jobs.setEnabled(jobId, true, NOW);

    await expect(starter.startDue(later(3601))).resolves.toBe('skipped');
    await expect(starter.startDue(later(3601))).resolves.toBe('nothing-due');

    await expect(runsOf(jobId)).resolves.toHaveLength(1);
  });

  it('succeeds at once when nothing is selected', async () => {
    const { jobId } = await create({ selector: { labels: { site: 'nowhere' } } });

    await services().starter.startDue(later(3600));

    await expect(runsOf(jobId)).resolves.toMatchObject([{ status: 'succeeded', seriesTotal: 0, durationMs: 0 }]);
  });

  it('rests while it is disabled, and does not catch up what it then missed', async () => {
    const { jobId } = await create();
    const { jobs, starter } = services();

    await jobs.setEnabled(jobId, false);
    await expect(starter.startDue(later(9000))).resolves.toBe('nothing-due');
    const resumed = await jobs.setEnabled(jobId, true, later(9000));

    expect(resumed.nextRunAt).toEqual(new Date('2026-05-01T15:00:00Z'));
    await expect(starter.startDue(later(9001))).resolves.toBe('nothing-due');
    await jobs.setEnabled(jobId, true, later(20_000));
    await expect(starter.startDue(later(20_000))).resolves.toBe('started');
  });

  it('runs at half past two once a day, on both days that Berlin changes its clocks', async () => {
    await create({ cron: '30 2 * * *', timeZone: 'Europe/Berlin' }, new Date('2026-03-27T12:00:00Z'));
    const { jobs, starter } = services();
    for (const year of [
      ['2026-03-27T12:00:00Z', '2026-03-31T00:00:00Z'],
      ['2026-10-23T12:00:00Z', '2026-10-27T00:00:00Z'],
    ] as const) {
      for (let now = Date.parse(year[0]); now < Date.parse(year[1]); now += 1_800_000)
        await starter.startDue(new Date(now));
    }

    const [job] = await jobs.list();
    const slots = (await jobs.runs(job!.jobId)).map(({ scheduledFor }) => scheduledFor.toISOString());
    expect(slots.toReversed()).toEqual([
      '2026-03-28T01:30:00.000Z',
      // Half past two does not exist on this day: at the change.
      '2026-03-29T01:00:00.000Z',
      '2026-03-30T00:30:00.000Z',
      '2026-10-23T00:30:00.000Z',
      '2026-10-24T00:30:00.000Z',
      // And comes twice on this one: the first time.
      '2026-10-25T00:30:00.000Z',
      '2026-10-26T01:30:00.000Z',
    ]);
  });

  it('forgets old runs, and keeps skipped ones from pushing out the others', async () => {
    const { jobId } = await create();
    const insert = (status: string, count: number, offset: number) =>
      db().query(
        `INSERT INTO job_runs (run_id, job_id, scheduled_for, status, started_at, finished_at)
         SELECT gen_random_uuid(), $1, t, $2, t, t
         FROM generate_series(1, $3::int) AS n, LATERAL (SELECT timestamptz '2026-01-01Z' + n * interval '1 s' + $4 * interval '1 ms' AS t) AS at`,
        [jobId, status, count, offset],
      );
    await insert('succeeded', 1100, 0);
    await insert('skipped', 1200, 1);

    await services().starter.startDue(later(3600));

    const kept = await db().query(`SELECT status, count(*)::int AS n FROM job_runs GROUP BY 1 ORDER BY 1`);
    expect(kept).toEqual([
      { status: 'skipped', n: 1000 },
      { status: 'succeeded', n: 1000 },
    ]);
  });
});

describe('run now', () => {
  it('starts a run out of turn, once', async () => {
    await manySeries(1);
    const { jobId } = await create();
    const { jobs } = services();

    const attempts = await Promise.allSettled([jobs.run(jobId, NOW), jobs.run(jobId, NOW)]);

    expect(attempts.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(attempts.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'RUN_IN_PROGRESS' } });
    await expect(runsOf(jobId)).resolves.toMatchObject([{ status: 'running', scheduledFor: NOW, seriesTotal: 1 }]);
    await expect(jobs.get(jobId)).resolves.toMatchObject({ nextRunAt: new Date('2026-05-01T13:00:00Z') });
  });
});

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
    const worker = jobWorker(db(), forecaster);

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
    forecaster.tooShort.add('s-3');

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
    for (let n = 1; n <= 150; n++) forecaster.tooShort.add(`s-${n}`);

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
    forecaster.before = () => sleep(5);

    const shares = await Promise.all(others.map((source) => workOff(jobWorker(source, forecaster))));

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
    forecaster.before = () => held.opened;
    const killed = jobWorker(doomed, forecaster).work(NOW);
    await until(() => forecaster.calls.length === 1);

    // Meanwhile nobody else gets it.
    await expect(jobWorker(db(), forecaster).work(NOW)).resolves.toBe('idle');
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
    forecaster.before = (windows) => {
      if (windows.some(({ itemId }) => itemId === 's-12')) throw new PlatformError('INFERENCE_FAILED', 'out of memory');
    };
    const worker = jobWorker(db(), forecaster);

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
    const worker = jobWorker(db(), forecaster);
    forecaster.before = () => Promise.reject(new PlatformError('OVERLOADED', 'the queue is full'));
    for (let i = 0; i < 5; i++) await expect(worker.work(NOW)).resolves.toBe('overloaded');

    forecaster.before = () => undefined;
    await expect(worker.work(NOW)).resolves.toBe('done');

    await expect(read()).resolves.toMatchObject({ status: 'succeeded' });
  });

  it('finishes its task when it is stopped', async () => {
    const { read } = await begun(25);
    const worker = jobWorker(db(), forecaster);
    forecaster.before = () => sleep(300);
    worker.onApplicationBootstrap();
    await until(() => forecaster.calls.length === 1);

    await worker.onModuleDestroy();

    await expect(read()).resolves.toMatchObject({ status: 'running', seriesDone: 10 });
    await expect(numberOf('job_tasks')).resolves.toBe(2);
  });

  it('gives a long task back when it is stopped, within two seconds', async () => {
    const { read } = await begun(10);
    const worker = jobWorker(db(), forecaster);
    const held = gate();
    forecaster.before = () => held.opened;
    worker.onApplicationBootstrap();
    await until(() => forecaster.calls.length === 1);

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
    const worker = jobWorker(db(), forecaster);
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
  forecaster.before = () => held.opened;
  const worker = jobWorker(db(), forecaster);
  const working = worker.work(NOW);
  await until(() => forecaster.calls.length === 1);

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
