import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Forecaster } from '@app/forecasters';
import { InferenceWorker, ModelRegistry, withRunOptions } from '@app/inference';
import { metrics, silentLogger } from '@app/observability';
import { Frequency, type ContextWindow } from '@app/series';
import type { OutgoingRecord } from '@app/streaming';

import { ttmForecaster } from '../../libs/forecasters/src/ttm.js';
import { tinyModel, writeTinyPackage } from '../../libs/inference/src/fixtures/tiny-model.js';
import { useDatabase } from '../support/database.js';
import { describeWithKafka } from '../support/kafka.js';
import { eventually } from '../support/processes.js';
import { StreamWorld, kafkaSettings } from '../support/stream-world.js';

const MINUTE = 60_000;
const START = Date.UTC(2026, 2, 1);
const ITEMS = Array.from({ length: 8 }, (_, i) => `item-${i}`);
/** Of each item; with records as large as these twice what the queues of the partitions hold. */
const POINTS = 700;
const RECORD_BYTES = 8_000;

describeWithKafka('a full engine', () => {
  const database = useDatabase();
  let folder: string;
  let worker: InferenceWorker;
  let forecaster: Forecaster;
  let world: StreamWorld;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tidecast-full-'));
    // More than 100 ms a run, whatever it is given; and room for two rows.
    writeTinyPackage(folder, 'slow', { model: tinyModel({ square: 512, products: 24 }) });
    worker = new InferenceWorker({ logger: silentLogger(), chunkRows: 1, maxWaitingRows: 2 });
    const registry = await ModelRegistry.load({
      env: { MODELS_DIR: folder, PROVIDER: 'cpu', PROVIDER_STRICT: true, INFERENCE_THREADS: 1 },
      worker,
      logger: silentLogger(),
    });
    forecaster = ttmForecaster(registry.loaded[0]!);
    world = new StreamWorld(database().dataSource, kafkaSettings);
  }, 60_000);
  afterAll(async () => {
    await world.close();
    await worker.close();
    rmSync(folder, { recursive: true });
  });

  it('pauses the partitions of the stream and resumes them: nothing is lost, nothing made twice', async () => {
    const { OBSERVATIONS_TOPIC: topic, FORECASTER_GROUP: group, INGEST_GROUP, FORECASTS_TOPIC } = world.env;
    await world.policies.create({ horizon: 2, everyPoints: 1, model: forecaster.name });
    for (let minute = 0; minute < POINTS; minute += 50) await world.send(topic, points(minute, minute + 50));
    world.startIngest();
    await world.untilRead(INGEST_GROUP, topic);
    world.follow(forecaster);

    // Ingest is done: what the follower waits for is the engine, in which there is no room for anybody.
    const seen = { paused: false, refused: false };
    const read = new AbortController();
    const watched = watch(read.signal, async () => {
      seen.paused ||= (await pausedPartitions(group)) > 0;
      seen.refused ||= await refuses(forecaster);
    });
    await world.untilRead(group, topic, 180_000).finally(() => read.abort());
    await watched;
    expect(seen).toEqual({ paused: true, refused: true });
    await eventually(async () => (await pausedPartitions(group)) === 0);

    const { dataSource } = world;
    const states = await dataSource.query<{ points: string }[]>('SELECT points FROM stream_states');
    expect(states.map((state) => Number(state.points))).toEqual(ITEMS.map(() => POINTS));
    const rows = await dataSource.query<{ id: string; item_id: string; minute: number; model: string }[]>(
      `SELECT forecast_id AS id, item_id, (extract(epoch FROM cutoff - $1::timestamptz) / 60)::int AS minute, model
         FROM forecasts JOIN series USING (series_id)`,
      [new Date(START)],
    );
    const keys = rows.map(({ item_id, minute }) => `${item_id} ${minute}`);
    expect(new Set(keys).size).toBe(keys.length);
    for (const item of ITEMS) expect(keys).toContain(`${item} ${POINTS - 1}`);
    expect(new Set(rows.map(({ model }) => model))).toEqual(new Set(['ttm/slow']));
    const told = (await world.sent(FORECASTS_TOPIC)).map(({ value }) => String(value['forecast_id']));
    expect(told.toSorted()).toEqual(rows.map(({ id }) => id).toSorted());
  }, 300_000);
});

/** Looks again and again until told to stop. */
async function watch(stop: AbortSignal, look: () => Promise<void>): Promise<void> {
  while (!stop.aborted) {
    await look();
    await sleep(20);
  }
}

async function pausedPartitions(group: string): Promise<number> {
  const { values } = await metrics.consumerPaused.get();
  return values.filter(({ labels, value }) => labels.group === group && value === 1).length;
}

/** Whether a person who asks now is told to come back later. */
async function refuses(forecaster: Forecaster): Promise<boolean> {
  const window: ContextWindow = {
    itemId: 'mine',
    channel: 'flow',
    freq: Frequency.parse('PT1M')!,
    timeZone: 'UTC',
    season: 1,
    cutoff: START,
    target: Float64Array.from({ length: 64 }, (_, i) => i % 7),
  };
  const asked = withRunOptions({ lane: 'rest' }, () => forecaster.forecast([window], 2));
  return asked.then(
    () => false,
    (error: { code?: string }) => error.code === 'OVERLOADED',
  );
}

/** One point a minute of each item. */
function points(from: number, to: number): OutgoingRecord[] {
  return Array.from({ length: to - from }, (_, i) => from + i).flatMap((minute) =>
    ITEMS.map((item) => {
      const ts = new Date(START + minute * MINUTE).toISOString();
      const value = JSON.stringify({ item_id: item, ts, values: { flow: minute % 24 } });
      return { key: item, value: Buffer.from(value.padEnd(RECORD_BYTES)) };
    }),
  );
}
