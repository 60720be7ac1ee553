import { ForecastRepository } from '@app/persistence';
import { CANONICAL_LEVELS } from '@app/series';
import type { OutgoingRecord } from '@app/streaming';
import type { DataSource } from 'typeorm';

import { useDatabase } from '../support/database.js';
import { DetectorChild, DetectorWorld } from '../support/detector-world.js';
import { describeWithKafka, kafkaBrokers } from '../support/kafka.js';

const START = Date.UTC(2026, 2, 1);
const MINUTE = 60_000;
const MINUTES = 560;
const SINGLES = ['pump-1', 'pump-2', 'pump-3', 'forecasted'];
const ITEMS = [...SINGLES, 'machine', 'plant'];

describe('exactly-once effect of the detector on the PostgreSQL log', () => {
  const calm = useDatabase();
  const harsh = useDatabase();

  it('gives the same anomalies, scores and states with and without 20 SIGKILLs', async () => {
    await compare(calm().dataSource, harsh().dataSource, harsh().url, {}, 20);
  }, 900_000);
});

describeWithKafka('exactly-once effect of the detector', () => {
  const calm = useDatabase();
  const harsh = useDatabase();

  it('gives the same anomalies, scores and states with and without SIGKILLs and a second member', async () => {
    await compare(calm().dataSource, harsh().dataSource, harsh().url, { KAFKA_BROKERS: kafkaBrokers.join(',') }, 6);
  }, 900_000);
});

/** One stream twice: in one go, and killed again and again in small transactions. */
async function compare(
  calm: DataSource,
  harsh: DataSource,
  harshUrl: string,
  settings: Record<string, string>,
  kills: number,
): Promise<void> {
  const records = makeRecords(seededRandom(20_261_124));
  for (const dataSource of [calm, harsh]) await storeForecasts(dataSource);

  const once = new DetectorWorld(calm, settings);
  const again = new DetectorWorld(harsh, {
    ...settings,
    DATABASE_URL: harshUrl,
    DATABASE_POOL: '4',
    // Small transactions, so that a kill finds one under way; little memory, so that items leave it and come back.
    DETECTOR_BATCH_POINTS: '60',
    DETECTOR_MEMORY_MB: '16',
  });
  const children: DetectorChild[] = [];
  const startChild = () => {
    const child = new DetectorChild(again.settings);
    children.push(child);
    return child;
  };
  try {
    once.start();
    await once.show(records);

    const random = seededRandom(7);
    let guest: DetectorChild | undefined;
    for (let kill = 0; kill < kills; kill++) {
      const from = Math.floor((records.length * kill) / (kills + 1));
      const to = Math.floor((records.length * (kill + 1)) / (kills + 1));
      await again.append(records.slice(from, to));
      const victim = startChild();
      if (kill === 2) guest = startChild();
      // Somewhere in the work of this round: seeded, and never after its end.
      await again.untilConsumed(Math.floor(from + (to - from) * (0.1 + 0.8 * random())));
      await victim.kill();
      if (kill === 4) await guest?.leave();
    }
    await again.append(records.slice(Math.floor((records.length * kills) / (kills + 1))));
    const last = startChild();
    await again.untilConsumed(records.length);
    await last.leave();

    const expected = await once.anomalies();
    expect(new Set(expected.map(({ item_id }) => item_id)).size).toBeGreaterThan(3);
    expect(expected.some(({ explanation }) => explanation.forecast)).toBe(true);
    expect(await again.anomalies()).toEqual(expected);
    const states = await once.states(ITEMS);
    expect(Object.keys(states).toSorted()).toEqual(ITEMS.toSorted());
    expect(await again.states(ITEMS)).toEqual(states);
  } finally {
    await Promise.all(children.map((child) => child.kill()));
    await Promise.all([once.close(), again.close()]);
  }
}

/** Items of one channel, of three channels in one record, and of two that come apart; spikes, repeats, late and bad records. */
function makeRecords(random: () => number): OutgoingRecord[] {
  const records: OutgoingRecord[] = [];
  const send = (item_id: string, minute: number, values: Record<string, unknown>) => {
    const ts = new Date(START + minute * MINUTE).toISOString();
    records.push({ key: item_id, value: Buffer.from(JSON.stringify({ item_id, ts, values })) });
  };
  const wave = (minute: number, phase: number) => 10 + 3 * Math.sin(minute / 20 + phase) + 0.3 * random();
  for (let minute = 0; minute < MINUTES; minute++) {
    const spike = minute > 300 && minute % 131 === 0 ? 25 : 0;
    SINGLES.forEach((item, i) => {
      send(item, minute, { flow: wave(minute, i) + (i < 2 ? spike : 0) + (item === 'forecasted' && spike ? 40 : 0) });
      if (random() < 0.02) send(item, minute, { flow: 99 });
      if (random() < 0.02) send(item, minute - 5, { flow: 99 });
      if (random() < 0.01) send(item, minute, { flow: 'hot' });
    });
    const [a, b, c] = [wave(minute, 0), wave(minute, 0), wave(minute, 0)];
    send('machine', minute, { a: a + spike, b: b + spike, ...(random() < 0.05 ? {} : { c: c + spike }) });
    send('plant', minute, { in: wave(minute, 1) + spike });
    if (random() < 0.95) send('plant', minute, { out: wave(minute, 1) + spike });
  }
  return records;
}

/** Forecasts of two steps and more ahead, one every five minutes, issued before anything arrives. */
async function storeForecasts(dataSource: DataSource): Promise<void> {
  const [series] = await dataSource.query<{ series_id: number }[]>(
    `INSERT INTO series (item_id, channel, freq) VALUES ('forecasted', 'flow', 'PT1M') RETURNING series_id`,
  );
  const horizon = 30;
  const forecasts = Array.from({ length: MINUTES / 5 }, (_, i) => ({
    forecastId: `00000000-0000-4000-8000-${String(i).padStart(12, '0')}`,
    seriesId: series!.series_id,
    runId: null,
    issuedAt: new Date(START),
    cutoff: new Date(START + 5 * i * MINUTE),
    freq: 'PT1M',
    timeZone: 'UTC',
    model: 'seasonal-naive',
    modelSha256: null,
    provider: 'js',
    levels: CANONICAL_LEVELS,
    mean: Array.from({ length: horizon }, () => 10),
    quantiles: Array.from({ length: horizon }, () => CANONICAL_LEVELS.map((level) => 6 + 8 * level)).flat(),
    status: 'ok',
    parts: {},
    traceparent: null,
  }));
  await new ForecastRepository(dataSource).insert(forecasts);
}

/** Mulberry32: https://gist.github.com/tommyettinger/46a874533244883189143505d203312c */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d_2b_79_f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
