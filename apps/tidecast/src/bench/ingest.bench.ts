import { loadEnv, type Env } from '@app/config';
import { createLogger, type Logger } from '@app/observability';
import { SeriesWriter, float8Array, int4Array, timestamptzArray } from '@app/persistence';
import { KafkaLog } from '@app/streaming';
import type { DataSource } from 'typeorm';

import { IngestService } from '../../../ingest/src/ingest.service.js';
import { Progress } from '../evaluate/progress.js';
import { formatTable } from '../evaluate/table.js';
import { startServers, type BenchServers } from './servers.js';
import { median } from './statistics.js';
import { consumeAll, fillTopic } from './stream.js';

export interface IngestBenchOptions {
  readonly records: number;
  readonly series: number;
  readonly rounds: number;
}

/** The same points as rows for the baseline and as records for the topic. */
interface Points {
  readonly itemIds: string[];
  /** Place in `itemIds` of each point. */
  readonly items: Int32Array;
  readonly ts: Float64Array;
  readonly values: Float64Array;
}

const ROWS = 10_000;
const FIRST_TS = Date.UTC(2026, 0, 1);
const STEP_MS = 60_000;

/** Prints points per second from Kafka to committed rows, and of a plain UNNEST insert, in turn in one process. */
export async function benchIngest(options: IngestBenchOptions): Promise<void> {
  const progress = new Progress();
  process.stderr.write('starting PostgreSQL and Kafka …\n');
  const servers = await startServers();
  try {
    const topic = `tidecast.bench.${process.pid}`;
    const env = loadEnv({
      DATABASE_URL: servers.databaseUrl,
      KAFKA_BROKERS: servers.brokers,
      OBSERVATIONS_TOPIC: topic,
      DEAD_LETTER_TOPIC: `${topic}.dead-letter`,
    });
    const logger = createLogger('bench', 'error');
    const points = makePoints(options);
    await fill(env, servers, logger, points, progress);

    const rates = { unnest: [] as number[], kafka: [] as number[] };
    for (let round = 1; round <= options.rounds; round++) {
      await clear(servers.dataSource);
      rates.unnest.push(await insertByUnnest(servers.dataSource, points, `round ${round}: UNNEST alone`, progress));
      await clear(servers.dataSource);
      const group = `${topic}.${round}`;
      const label = `round ${round}: Kafka to rows`;
      rates.kafka.push(await consume({ ...env, INGEST_GROUP: group }, servers, logger, points, label, progress));
    }
    report(options, rates);
  } finally {
    await servers.stop();
  }
}

function makePoints({ records, series }: IngestBenchOptions): Points {
  const points = {
    itemIds: Array.from({ length: series }, (_, i) => `pump-${i}`),
    items: new Int32Array(records),
    ts: new Float64Array(records),
    values: new Float64Array(records),
  };
  for (let i = 0; i < records; i++) {
    const step = Math.floor(i / series);
    points.items[i] = i % series;
    points.ts[i] = FIRST_TS + step * STEP_MS;
    points.values[i] =
      Math.round(1e4 * (20 + 5 * Math.sin((2 * Math.PI * step) / 1_440) + ((i * 7_919) % 97) / 97)) / 1e4;
  }
  return points;
}

async function fill(
  env: Env,
  { dataSource }: BenchServers,
  logger: Logger,
  points: Points,
  progress: Progress,
): Promise<void> {
  const log = new KafkaLog(env, dataSource, logger);
  try {
    const { items, itemIds, ts, values } = points;
    const record = (i: number) => {
      const key = itemIds[items[i]!]!;
      const json = { item_id: key, ts: new Date(ts[i]!).toISOString(), values: { flow: values[i]! } };
      return { key, value: Buffer.from(JSON.stringify(json)) };
    };
    await fillTopic(log, env.OBSERVATIONS_TOPIC, items.length, record, progress);
  } finally {
    await log.close();
  }
}

/** The bar: rows from memory, series known, one connection, a transaction every 10,000 rows, nothing to look up. */
async function insertByUnnest(
  dataSource: DataSource,
  points: Points,
  label: string,
  progress: Progress,
): Promise<number> {
  const { itemIds, items, ts, values } = points;
  const known = await new SeriesWriter(dataSource).findOrCreate(itemIds.map((itemId) => ({ itemId, channel: 'flow' })));
  const seriesIds = Int32Array.from(items, (item) => known[item]!.seriesId);
  await dataSource.query(`SELECT ensure_observation_partitions($1, $2)`, [new Date(ts[0]!), new Date(ts.at(-1)!)]);

  const started = performance.now();
  for (let at = 0; at < items.length; at += ROWS) {
    const end = Math.min(at + ROWS, items.length);
    await dataSource.transaction((manager) =>
      manager.query(
        `INSERT INTO observations (series_id, ts, value, known_at)
         SELECT series_id, ts, value, $4::timestamptz
           FROM unnest($1::int[], $2::timestamptz[], $3::float8[]) AS p (series_id, ts, value)`,
        [
          int4Array(seriesIds.subarray(at, end)),
          timestamptzArray(ts.subarray(at, end)),
          float8Array(values.subarray(at, end)),
          new Date(),
        ],
      ),
    );
    progress.report(label, end, items.length);
  }
  return rate(items.length, started);
}

/** The ingest role as it serves, from the first record in hand to the last commit. */
async function consume(
  env: Env,
  { dataSource }: BenchServers,
  logger: Logger,
  points: Points,
  label: string,
  progress: Progress,
): Promise<number> {
  const total = points.items.length;
  const log = new KafkaLog(env, dataSource, logger);
  let started = 0;
  let pointsPerSecond = 0;
  const watcher = {
    started: () => {
      started = performance.now();
    },
    committed: (committed: number) => {
      pointsPerSecond = rate(committed, started);
      progress.report(label, committed, total);
    },
  };
  try {
    const reading = { log, dataSource, group: env.INGEST_GROUP, total };
    await consumeAll(reading, watcher, (watched) => new IngestService(env, watched, logger, dataSource));
    const rows: { count: number }[] = await dataSource.query(`SELECT count(*)::int AS count FROM observations`);
    if (rows[0]?.count !== total) throw new Error(`${rows[0]?.count} rows were written of ${total}`);
    return pointsPerSecond;
  } finally {
    await log.close();
  }
}

async function clear(dataSource: DataSource): Promise<void> {
  await dataSource.query('TRUNCATE observations, series, stream_offsets RESTART IDENTITY CASCADE');
  // Not every account may ask for one: then a checkpoint may fall into a round.
  await dataSource.query('CHECKPOINT').catch(() => undefined);
}

function rate(count: number, started: number): number {
  return (count / (performance.now() - started)) * 1_000;
}

function report(options: IngestBenchOptions, rates: { unnest: number[]; kafka: number[] }): void {
  const [unnest, kafka] = [median(rates.unnest), median(rates.kafka)];
  const ratio = kafka / unnest;
  const row = (name: string, all: number[]) => [name, ...all.map(Math.round), Math.round(median(all))];
  const header = ['points/s', ...rates.unnest.map((_, i) => `round ${i + 1}`), 'median'];
  process.stdout.write(
    `${formatTable(header, [row('UNNEST alone', rates.unnest), row('Kafka to committed rows', rates.kafka)])}\n`,
  );
  process.stdout.write(`ratio ${ratio.toFixed(2)}\n\n`);
  const result = { records: options.records, series: options.series, rounds: options.rounds };
  const numbers = { unnest_points_per_s: Math.round(unnest), kafka_points_per_s: Math.round(kafka) };
  process.stdout.write(
    `${JSON.stringify({ bench: 'ingest', ...result, ...numbers, ratio: Number(ratio.toFixed(3)) })}\n`,
  );
}
