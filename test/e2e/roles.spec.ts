import { jest } from '@jest/globals';
import { useDatabase } from '../support/database.js';
import { describeWithKafka, createTopic, kafkaBrokers, kafkaClient, uniqueName } from '../support/kafka.js';
import { eventually, TidecastProcess } from '../support/processes.js';

jest.setTimeout(300_000);

const ITEMS = Array.from({ length: 8 }, (_, index) => `pump-${index}`);
const HOUR_MS = 3_600_000;
const FIRST = Date.parse('2026-03-01T00:00:00Z');
/** Long on purpose: other spec files and the start of five processes share the machine. */
const PATIENCE_MS = 120_000;

interface JobRun {
  status: string;
  series_done: number;
  started_at: string;
}

describeWithKafka('the roles as processes of their own', () => {
  const database = useDatabase();
  const running: TidecastProcess[] = [];
  const settings: Record<string, string> = {};
  let ingest: TidecastProcess[];
  let forecasters: TidecastProcess[];
  let detector: TidecastProcess;
  let gateway: TidecastProcess;

  beforeAll(async () => {
    Object.assign(settings, {
      DATABASE_URL: database().url,
      DATABASE_POOL: '4',
      KAFKA_BROKERS: kafkaBrokers.join(','),
      OBSERVATIONS_TOPIC: await createTopic(4),
      DEAD_LETTER_TOPIC: uniqueName('dead'),
      INGEST_GROUP: uniqueName('ingest'),
      DETECTOR_GROUP: uniqueName('detector'),
      ANOMALIES_TOPIC: uniqueName('anomalies'),
    });
    const [one, two, three, four, five] = await Promise.all([
      role('ingest'),
      role('ingest'),
      role('forecaster'),
      role('forecaster'),
      role('detector'),
    ]);
    ingest = [one, two];
    forecasters = [three, four];
    detector = five;
    gateway = await role('gateway', { FORECASTER_URL: three.url });
  });
  afterAll(() => Promise.all(running.map((one) => one.stop())));

  const role = async (name: string, more: Record<string, string> = {}) => {
    const started = await TidecastProcess.start({ args: [name], env: { ...settings, ...more } });
    running.push(started);
    return started;
  };
  const get = async <T>(path: string) => (await (await fetch(`${gateway.url}/api/v1${path}`)).json()) as T;
  const post = (path: string, body: unknown) =>
    fetch(`${gateway.url}/api/v1${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  const storedRows = async () => {
    const [row] = await database().dataSource.query<{ n: number }[]>('SELECT count(*)::int AS n FROM observations');
    return row?.n;
  };
  const untilRows = (count: number) => eventually(async () => (await storedRows()) === count, PATIENCE_MS);

  const untilJudged = (count: number) =>
    eventually(async () => {
      const [row] = await database().dataSource.query<{ done: string | null }[]>(
        'SELECT sum(next_offset) AS done FROM stream_offsets WHERE consumer_group = $1',
        [settings['DETECTOR_GROUP']],
      );
      return Number(row?.done) === count;
    }, PATIENCE_MS);

  it('share the work: records in by an ordinary producer, forecasts out through the gateway', async () => {
    await produce(settings['OBSERVATIONS_TOPIC']!, 0, 240);
    await untilRows(ITEMS.length * 240);

    const response = await post('/forecasts', { item_id: ITEMS, horizon: 24, coverage: 0.8 });
    expect(response.ok).toBe(true);
    const { forecasts } = (await response.json()) as {
      forecasts: { item_id: string; mean: number[]; provider: string }[];
    };

    expect(forecasts.map(({ item_id }) => item_id)).toEqual(ITEMS);
    for (const { mean, provider } of forecasts) {
      expect(mean).toHaveLength(24);
      expect(provider).toEqual(expect.any(String));
    }
  });

  it('judge what comes in, in a group of their own', async () => {
    await untilJudged(ITEMS.length * 240);
    expect(await get(`/anomalies?item_id=${ITEMS[0]}`)).toMatchObject({ anomalies: expect.any(Array) });
  });

  it('keep a schedule, and each slot once however many forecasters there are', async () => {
    const created = await post('/jobs', { name: 'pumps', cron: '*/2 * * * * *', horizon: 12 });
    expect(created.status).toBe(201);
    const { job_id } = (await created.json()) as { job_id: string };

    await eventually(async () => {
      const { runs } = await get<{ runs: JobRun[] }>(`/jobs/${job_id}/runs`);
      return (
        runs.filter(({ status, series_done }) => status === 'succeeded' && series_done === ITEMS.length).length >= 2
      );
    }, PATIENCE_MS);

    const slots = await database().dataSource.query<{ n: number }[]>(
      'SELECT count(*)::int AS n FROM job_runs GROUP BY job_id, scheduled_for HAVING count(*) > 1',
    );
    expect(slots).toEqual([]);
    expect(await get(`/forecasts/latest?item_id=${ITEMS[0]}`)).toMatchObject({ forecasts: [{ item_id: ITEMS[0] }] });
  });

  it('go on when one of each kind is killed', async () => {
    await Promise.all([ingest[0]!.kill(), forecasters[1]!.kill(), detector.kill(), gateway.kill()]);
    const killedAt = Date.now();
    await role('detector');
    gateway = await role('gateway', { FORECASTER_URL: forecasters[0]!.url });

    await produce(settings['OBSERVATIONS_TOPIC']!, 240, 300);
    await untilRows(ITEMS.length * 300);
    await untilJudged(ITEMS.length * 300);

    const [job] = (await get<{ jobs: { job_id: string }[] }>('/jobs')).jobs;
    await eventually(async () => {
      const { runs } = await get<{ runs: JobRun[] }>(`/jobs/${job!.job_id}/runs`);
      return runs.some(({ status, started_at }) => status === 'succeeded' && Date.parse(started_at) > killedAt);
    }, PATIENCE_MS);
    expect((await post('/forecasts', { item_id: ITEMS[0], horizon: 6 })).ok).toBe(true);
  });
});

/** Hourly points with a daily season for every item, one record a point, from step `from` up to step `to`. */
async function produce(topic: string, from: number, to: number): Promise<void> {
  const producer = kafkaClient('plant').producer();
  await producer.connect();
  const messages = ITEMS.flatMap((item_id, index) =>
    Array.from({ length: to - from }, (_, offset) => {
      const step = from + offset;
      const flow = 10 + index + Math.sin((step * Math.PI) / 12) + ((step * 37) % 11) / 50;
      const record = { item_id, ts: new Date(FIRST + step * HOUR_MS).toISOString(), values: { flow } };
      return { key: item_id, value: JSON.stringify(record) };
    }),
  );
  await producer.send({ topic, messages });
  await producer.disconnect();
}
