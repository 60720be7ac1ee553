import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { jest } from '@jest/globals';
import { silentLogger } from '@app/observability';
import type { OutgoingRecord } from '@app/streaming';

import { OutboxRelay } from '../../apps/ingest/src/outbox.relay.js';
import { useDatabase } from '../support/database.js';
import { DetectorWorld } from '../support/detector-world.js';
import { describeWithKafka, kafkaBrokers, readTopic } from '../support/kafka.js';
import { eventually } from '../support/processes.js';

// Long on purpose: other spec files share the machine.
jest.setTimeout(180_000);

const database = useDatabase();
const MINUTE = 60_000;
const START = Date.UTC(2026, 2, 1);

interface TopicRecord {
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: Readonly<Record<string, string>>;
}

describe('the detector on the PostgreSQL log', () => {
  detects({}, async (topic) => {
    const rows: { key: string | null; value: Buffer | null; headers: Record<string, string> }[] =
      await database().dataSource.query(`SELECT key, value, headers FROM log_records WHERE topic = $1`, [topic]);
    return rows.map(({ key, value, headers }) => ({ key, value: value && value.toString(), headers }));
  });
});

describeWithKafka('the detector', () => {
  detects({ KAFKA_BROKERS: kafkaBrokers.join(',') }, (topic) => readTopic(topic));
});

function detects(settings: Record<string, string>, read: (topic: string) => Promise<TopicRecord[]>): void {
  let world: DetectorWorld;
  // Anomalies of both logs lie in one table.
  const item = (name: string) => `${name} ${settings['KAFKA_BROKERS'] ? 'kafka' : 'postgres'}`;

  beforeAll(() => {
    world = new DetectorWorld(database().dataSource, settings);
    world.start();
  });
  afterAll(() => world.close());

  it('stores a spike with its reasons, and tells the topic', async () => {
    const pump = item('pump');
    const relay = new OutboxRelay(database().dataSource, world.log, silentLogger());
    relay.start();
    await world.show(series(pump, 500, (i) => wave(i) + (i === 450 ? 40 : 0)));

    const [spike] = (await world.anomalies(pump)).filter(({ ts }) => ts.getTime() === START + 450 * MINUTE);
    expect(spike).toMatchObject({ channel: 'flow', value: wave(450) + 40, alert: true, suppressed_by: null });
    expect(spike!.score).toBeGreaterThan(1);
    expect(spike!.explanation.detectors[0]!.name).toBe('channel');

    const told = await eventually(async () => {
      const records = (await read(world.env.ANOMALIES_TOPIC)).filter(({ key }) => key === pump);
      return records.length > 0 && records;
    });
    await relay.stop();
    const record = told.find(({ headers }) => headers['anomaly-id'] === spike!.anomaly_id)!;
    expect(record.headers['alert']).toBe('true');
    const { detected_at: _, label: __, ...stored } = JSON.parse(JSON.stringify(spike)) as Record<string, unknown>;
    expect(JSON.parse(record.value!)).toEqual(stored);
  });

  it('is not moved by repeats, late and revised values, missing channels and records that ingest refuses', async () => {
    const [calm, rough] = [item('calm'), item('rough')];
    const values = (i: number) => wave(i) + (i === 350 ? 40 : 0);
    const disturbed = series(rough, 400, values).flatMap((record, i) => {
      const more: OutgoingRecord[] = [];
      const ts = START + i * MINUTE;
      if (i % 20 === 5) more.push(record);
      if (i % 20 === 7) more.push(toRecord(rough, ts, { flow: 1e9 }));
      if (i % 20 === 9) more.push(toRecord(rough, ts - 3 * MINUTE, { flow: -1e9 }));
      if (i % 20 === 11) more.push(toRecord(rough, ts + MINUTE / 2, { flow: null }));
      if (i % 20 === 13)
        more.push({ key: rough, value: Buffer.from(`{"item_id": "${rough}", "ts": 1, "values": {"flow": NaN}}`) });
      if (i % 20 === 15) more.push(toRecord(rough, Date.UTC(2999, 0), { flow: 5 }));
      if (i % 20 === 17) more.push({ key: rough, value: null }, { key: rough, value: Buffer.from('not even JSON') });
      return [record, ...more];
    });
    await world.show([...series(calm, 400, values), ...disturbed]);

    const [expected, found] = [await world.anomalies(calm), await world.anomalies(rough)];
    expect(expected.length).toBeGreaterThan(0);
    const judged = ({ ts, score, explanation }: (typeof found)[number]) => ({ ts, score, explanation });
    expect(found.map(judged)).toEqual(expected.map(judged));
  });

  it('adds nothing when another group reads the same stream from the beginning', async () => {
    const pump = item('read again');
    await world.show(series(pump, 400, (i) => wave(i) + (i === 350 ? 40 : 0)));
    const before = await world.anomalies();
    const waiting = async () =>
      (await database().dataSource.query<{ n: string }[]>(`SELECT count(*) AS n FROM outbox`))[0]!.n;
    const outboxBefore = await waiting();
    const again = new DetectorWorld(database().dataSource, {
      ...world.settings,
      DETECTOR_GROUP: `${world.env.DETECTOR_GROUP}-again`,
    });
    again.start();
    await again.show([]);
    await again.close();

    expect(await world.anomalies()).toEqual(before);
    expect(await waiting()).toBe(outboxBefore);
  });

  it('keeps many items in little memory, and loses nothing of them', async () => {
    const names = Array.from({ length: 120 }, (_, i) => item(`idle ${i}`));
    const small = new DetectorWorld(database().dataSource, {
      ...settings,
      DETECTOR_MEMORY_MB: '16',
      DETECTOR_BATCH_POINTS: '200',
    });
    const roomy = new DetectorWorld(database().dataSource, settings);
    const records = Array.from({ length: 6 }, (_, round) =>
      names.flatMap((name, k) => series(name, 2, (i) => wave(i + k), START + round * 2 * MINUTE)),
    ).flat();
    for (const one of [small, roomy]) {
      one.start();
      await one.show(records);
    }

    const states = await roomy.states(names);
    expect(Object.keys(states)).toHaveLength(names.length);
    expect(await small.states(names)).toEqual(states);
    await Promise.all([small.close(), roomy.close()]);
  });

  it('keeps a budget over all items of a rule, whatever partition they come through', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'tidecast-rules-')), 'rules.json');
    writeFileSync(
      file,
      JSON.stringify([{ name: item('fleet'), item_ids: ['fleet *'], budget: { alerts: 2, over: 'selector' } }]),
    );
    const fleet = new DetectorWorld(database().dataSource, { ...settings, DETECTION_RULES: file });
    const names = Array.from({ length: 8 }, (_, i) => item(`fleet ${i}`));
    fleet.start();
    await fleet.show(names.flatMap((name, k) => series(name, 400, (i) => wave(i + k) + (i === 350 ? 40 : 0))));
    await fleet.close();

    const found = (await Promise.all(names.map((name) => fleet.anomalies(name)))).flat();
    expect(new Set(found.map(({ item_id }) => item_id)).size).toBeGreaterThan(2);
    expect(found.filter(({ alert }) => alert)).toHaveLength(2);
    const told = new Set(found.filter(({ alert }) => alert).map(({ item_id }) => item_id));
    for (const { item_id, suppressed_by } of found) if (!told.has(item_id)) expect(suppressed_by).toBe('budget');
  });

  it('follows the labels of series to another rule, and goes on with what it has learnt', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'tidecast-rules-')), 'rules.json');
    const [name, pump] = [item('under repair'), item('a pump')];
    const calendar = [{ name: 'always', cron: '* * * * *', duration: 'PT1M', time_zone: 'Europe/Berlin' }];
    writeFileSync(file, JSON.stringify([{ name, labels: { state: name }, suppress: { calendar } }]));
    const [labelled, plain] = [
      new DetectorWorld(database().dataSource, { ...settings, DETECTION_RULES: file }),
      new DetectorWorld(database().dataSource, settings),
    ];
    const values = (from: number) => series(pump, 450, (i) => wave(i + from) + spike(i + from), START + from * MINUTE);
    const spike = (i: number) => (i === 440 || i === 800 ? 40 : 0);
    try {
      labelled.start();
      await labelled.show(values(0));
      await database().dataSource.query(
        `INSERT INTO series (item_id, channel, labels)
         VALUES ($1, 'other', '{}'), ($1, 'flow', jsonb_build_object('state', $2::text))`,
        [pump, name],
      );
      await labelled.show(values(450));

      expect((await labelled.anomalies(pump)).filter(({ value }) => value! > 40)).toMatchObject([
        { rule: 'default', suppressed_by: null, ts: new Date(START + 440 * MINUTE) },
        { rule: name, suppressed_by: 'known-event', ts: new Date(START + 800 * MINUTE) },
      ]);
      plain.start();
      await plain.show([...values(0), ...values(450)]);
      expect(await labelled.states([pump])).toEqual(await plain.states([pump]));
    } finally {
      await Promise.all([labelled.close(), plain.close()]);
    }
  });

  it('hears labels once, with the next points of the item, and is stricter after a false alarm', async () => {
    const pump = item('labelled');
    const spikes = (from: number, at: number) =>
      series(pump, 150, (i) => wave(i + from) + (i + from === at ? 60 + at : 0), START + from * MINUTE);
    await world.show(spikes(0, -1));
    await world.show([...spikes(150, 280), ...spikes(300, -1)]);
    const [first] = (await world.anomalies(pump)).filter(({ alert }) => alert);
    expect(first).toBeDefined();

    const label = `INSERT INTO anomaly_labels (anomaly_id, label) VALUES ($1, $2)`;
    for (let i = 0; i < 3; i++) await database().dataSource.query(label, [first!.anomaly_id, 'false-positive']);
    await world.show([...spikes(450, 580), ...spikes(600, -1)]);

    const later = (await world.anomalies(pump)).filter(({ ts }) => ts.getTime() >= START + 450 * MINUTE);
    expect(later.length).toBeGreaterThan(0);
    expect(later.map(({ alert, suppressed_by }) => [alert, suppressed_by])).toEqual(later.map(() => [false, 'budget']));
    const applied = await database().dataSource.query<{ applied_offset: string | null }[]>(
      `SELECT applied_offset FROM anomaly_labels WHERE anomaly_id = $1`,
      [first!.anomaly_id],
    );
    expect(applied.map(({ applied_offset }) => Number(applied_offset) > 0)).toEqual([true, true, true]);
  });
}

function series(itemId: string, count: number, value: (i: number) => number, from = START): OutgoingRecord[] {
  return Array.from({ length: count }, (_, i) => toRecord(itemId, from + i * MINUTE, { flow: value(i) }));
}

function toRecord(itemId: string, ts: number, values: Record<string, number | null>): OutgoingRecord {
  return { key: itemId, value: Buffer.from(JSON.stringify({ item_id: itemId, ts, values })) };
}

function wave(i: number): number {
  const x = Math.sin(i * 12.9898) * 43_758.5453;
  return 10 + 3 * Math.sin(i / 15) + 0.3 * (x - Math.floor(x));
}
