import { setTimeout as sleep } from 'node:timers/promises';

import { PlatformError } from '@app/observability';
import type { OutgoingRecord } from '@app/streaming';

import { RecordingForecaster } from '../../apps/forecaster/test/recording-forecaster.js';
import { useDatabase } from '../support/database.js';
import { describeWithKafka } from '../support/kafka.js';
import { eventually } from '../support/processes.js';
import { ForecasterChild, StreamWorld, kafkaSettings } from '../support/stream-world.js';

const MINUTE = 60_000;
const START = Date.UTC(2026, 2, 1);

describe('stream forecasts on the PostgreSQL log', () => {
  follows({});
});
describeWithKafka('stream forecasts', () => {
  follows(kafkaSettings);
});

function follows(settings: Record<string, string>): void {
  const database = useDatabase();
  let world: StreamWorld;
  const forecaster = new RecordingForecaster();

  beforeAll(() => {
    world = new StreamWorld(database().dataSource, settings);
    world.follow(forecaster);
  });
  afterAll(() => world.close());

  it('are made of what ingest has committed, stored once, and told to the topic by item', async () => {
    const { OBSERVATIONS_TOPIC: topic, FORECASTER_GROUP: group, FORECASTS_TOPIC } = world.env;
    await world.policies.create({ name: 'thirds', selector: { itemIds: ['a', 'b'] }, horizon: 2, everyPoints: 3 });
    await world.policies.create({ name: 'off', horizon: 2, enabled: false });
    await world.send(topic, [...points('a', 0, 4), ...points('b', 0, 2), ...points('other', 0, 9)]);
    // Nothing is forecast of points that are not in the database yet.
    expect(await stored(world)).toEqual([]);
    expect(forecaster.calls).toHaveLength(0);
    world.startIngest();
    await world.untilRead(group, topic);
    await world.send(topic, [...points('a', 4, 6), ...points('b', 0, 2), record('b', 2, 'not a number')]);
    await world.untilRead(group, topic);

    const rows = await stored(world);
    const cutoffs = (item: string) => rows.filter(({ item_id }) => item_id === item).map(({ minute }) => minute);
    // The third point of `a` came with the fourth.
    expect([cutoffs('a'), cutoffs('b'), cutoffs('other')]).toEqual([[3, 5], [], []]);
    expect(rows.every(({ policy }) => policy === 'thirds')).toBe(true);

    const sent = await world.sent(FORECASTS_TOPIC);
    expect(sent.map(({ key, headers }) => [key, headers['policy']])).toEqual([
      ['a', 'thirds'],
      ['a', 'thirds'],
    ]);
    expect(new Set(sent.map(({ value }) => value['forecast_id']))).toEqual(new Set(rows.map(({ id }) => id)));
    expect(sent[1]!.value).toMatchObject({ item_id: 'a', channel: 'flow', model: 'last-value', mean: [5, 5] });
  });

  it('pass over a series that can not be forecast, and wait while the platform is full', async () => {
    const { OBSERVATIONS_TOPIC: topic, FORECASTER_GROUP: group } = world.env;
    forecaster.tooShort.add('short');
    let full = 2;
    forecaster.before = () => {
      if (full-- > 0) throw new PlatformError('OVERLOADED', 'the queue is full');
    };
    await world.policies.create({ name: 'each', selector: { itemIds: ['short', 'fine'] }, horizon: 1 });
    await world.policies.create({ name: 'no such model', selector: { itemIds: ['fine'] }, horizon: 1, model: 'none' });
    await world.send(topic, [...points('short', 0, 1), ...points('fine', 0, 1)]);
    await world.untilRead(group, topic);
    forecaster.before = () => undefined;
    const rows = await stored(world);
    expect(rows.filter(({ item_id }) => item_id === 'short')).toEqual([]);
    expect(rows.filter(({ item_id }) => item_id === 'fine')).toHaveLength(1);
  });

  it('answer requests by topic under their reply key, and say what is wrong with the others', async () => {
    const { FORECAST_REQUESTS_TOPIC: topic, FORECASTER_GROUP: group, FORECASTS_TOPIC } = world.env;
    const ask = (value: unknown, headers = {}) => ({ key: null, value: Buffer.from(JSON.stringify(value)), headers });
    await world.send(topic, [
      ask({ item_id: 'a', horizon: 3, levels: [0.5], reply_key: 'r-1' }),
      ask({ item_id: 'nobody', horizon: 3 }, { 'reply-key': 'r-2' }),
      ask({ item_id: 'a', horizon: -1, reply_key: 'r-3' }),
      ask({ item_id: 'a', horizon: 3 }),
      { key: null, value: Buffer.from('not even JSON') },
    ]);
    await world.untilRead(`${group}.requests`, topic);

    const replies = (await world.sent(FORECASTS_TOPIC)).filter(({ headers }) => headers['reply-key']);
    const by = new Map(replies.map((reply) => [reply.headers['reply-key'], reply]));
    expect(by.size).toBe(3);
    expect(by.get('r-1')).toMatchObject({
      key: 'a',
      value: { reply_key: 'r-1', item_id: 'a', mean: [5, 5, 5], levels: [0.5], quantiles: { '0.5': [5, 5, 5] } },
    });
    expect(by.get('r-2')).toMatchObject({ key: 'nobody', value: { error: { code: 'NOT_FOUND' } } });
    expect(by.get('r-3')).toMatchObject({ key: 'r-3', value: { error: { code: 'INVALID_REQUEST' } } });
    const letters = await world.dataSource.query<{ code: string }[]>(
      `SELECT code FROM dead_letters WHERE topic = $1 ORDER BY code`,
      [topic],
    );
    expect(letters.map(({ code }) => code)).toEqual(['INVALID_REQUEST', 'MALFORMED_JSON']);
    const id = String(by.get('r-1')!.value['forecast_id']);
    expect(await world.dataSource.query('SELECT FROM forecasts WHERE forecast_id = $1', [id])).toHaveLength(1);
  });
}

describe('exactly-once effect of stream forecasts on the PostgreSQL log', () => {
  once({}, 4);
});
describeWithKafka('exactly-once effect of stream forecasts', () => {
  once(kafkaSettings, 2);
});

function once(settings: Record<string, string>, kills: number): void {
  const database = useDatabase();

  it('stores and tells one forecast for each cutoff, whatever is killed', async () => {
    const world = new StreamWorld(database().dataSource, settings);
    const { OBSERVATIONS_TOPIC: topic, FORECASTER_GROUP: group, FORECASTS_TOPIC } = world.env;
    const child = () => new ForecasterChild({ ...world.settings, DATABASE_URL: database().url });
    const [perRound, items] = [40, ['a', 'b', 'c']];
    const minutes = (kills + 1) * perRound;
    const show = async (from: number, to: number) => {
      for (let minute = from; minute < to; minute++) {
        await world.send(
          topic,
          items.flatMap((item) => points(item, minute, minute + 1)),
        );
      }
    };
    world.startIngest();
    await world.policies.create({ horizon: 3, everyPoints: 1, model: 'drift' });
    let running = child();
    try {
      for (let kill = 0; kill <= kills; kill++) {
        const from = kill * perRound;
        const before = (await stored(world)).length;
        await show(from, from + 1);
        if (kill === kills) break;
        await eventually(async () => (await stored(world)).length > before, 60_000);
        // Each its own transaction; the kill comes in the middle of them.
        await Promise.all([show(from + 1, from + perRound), sleep(60 + 70 * kill).then(() => running.kill())]);
        running = child();
      }
      await show(kills * perRound + 1, minutes);
      await world.untilRead(group, topic);
      const rows = await stored(world);
      const keys = rows.map(({ item_id, minute }) => `${item_id} ${minute}`);
      expect(new Set(keys).size).toBe(keys.length);
      for (const item of items) expect(keys).toContain(`${item} ${minutes - 1}`);
      const told = (await world.sent(FORECASTS_TOPIC)).map(({ value }) => String(value['forecast_id']));
      expect(new Set(told)).toEqual(new Set(rows.map(({ id }) => id)));
      const states = await world.dataSource.query<{ points: string }[]>(`SELECT points FROM stream_states`);
      expect(states.map(({ points: count }) => Number(count))).toEqual(items.map(() => minutes));
    } finally {
      await running.kill();
      await world.close();
    }
  }, 300_000);
}

function stored({
  dataSource,
}: StreamWorld): Promise<{ id: string; item_id: string; minute: number; policy: string }[]> {
  return dataSource.query(
    `SELECT forecast_id AS id, item_id, (extract(epoch FROM cutoff - $1::timestamptz) / 60)::int AS minute,
            parts ->> 'policy' AS policy
       FROM forecasts JOIN series USING (series_id) ORDER BY item_id, cutoff, forecast_id`,
    [new Date(START)],
  );
}

function points(item: string, from: number, to: number): OutgoingRecord[] {
  return Array.from({ length: to - from }, (_, i) => record(item, from + i, from + i));
}

function record(item: string, minute: number, flow: unknown): OutgoingRecord {
  const ts = new Date(START + minute * MINUTE).toISOString();
  return { key: item, value: Buffer.from(JSON.stringify({ item_id: item, ts, values: { flow } })) };
}
