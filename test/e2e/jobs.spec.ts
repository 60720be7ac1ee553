import type { JobInput } from '../../apps/forecaster/src/jobs/job-input.js';
import { storeSeries } from '../../apps/forecaster/test/stored-series.js';
import { NOW, later, useJobs } from '../support/jobs.js';

const { db, services, create, manySeries, runsOf, workOff } = useJobs();

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
