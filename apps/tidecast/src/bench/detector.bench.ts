import { loadEnv, type Env } from '@app/config';
import { createDetector } from '@app/detectors';
import { createLogger } from '@app/observability';
import { createObservationLog } from '@app/streaming';
import type { DataSource } from 'typeorm';

import { DetectorService } from '../../../detector/src/detector.service.js';
import { Progress } from '../evaluate/progress.js';
import { formatTable } from '../evaluate/table.js';
import { benchRows } from './detector-series.js';
import { postgresClock, processorSeconds, type ServerClock } from './processor-time.js';
import { startServers } from './servers.js';
import { median } from './statistics.js';
import { consumeAll, fillTopic, type Watcher } from './stream.js';

export interface DetectorBenchOptions {
  readonly records: number;
  readonly series: number;
  readonly rounds: number;
}

/** Microseconds of processor time for a score: of this process and, where it can be told, of PostgreSQL. */
interface Cost {
  readonly node: number;
  readonly postgres?: number;
}

const FIRST_TS = Date.UTC(2026, 0, 1);
const STEP_MS = 60_000;
/** The first half of the records fills memories; the second is measured. */
const WARM_UP = 0.5;

/** Prints scores per second of one core, from the log to committed rows, and of the library alone, in turn in one process. */
export async function benchDetector(options: DetectorBenchOptions): Promise<void> {
  const progress = new Progress();
  process.stderr.write('starting PostgreSQL and Kafka …\n');
  const servers = await startServers({ kafka: 'where-there' });
  try {
    const { dataSource } = servers;
    const topic = `tidecast.bench.${process.pid}`;
    const env = loadEnv({
      DATABASE_URL: servers.databaseUrl,
      ...(servers.brokers && { KAFKA_BROKERS: servers.brokers }),
      OBSERVATIONS_TOPIC: topic,
      ANOMALIES_TOPIC: `${topic}.anomalies`,
    });
    const values = makeValues(options);
    await fill(env, dataSource, options, values, progress);
    const clock = await postgresClock(dataSource);

    const library: number[] = [];
    const role: Cost[] = [];
    for (let round = 1; round <= options.rounds; round++) {
      library.push(alone(options, values, `round ${round}: library alone`, progress));
      await dataSource.query('TRUNCATE anomalies, detector_states, detector_inputs, stream_offsets, outbox CASCADE');
      const of = { ...env, DETECTOR_GROUP: `${topic}.${round}` };
      role.push(await detect(of, dataSource, options, `round ${round}: log to committed rows`, clock, progress));
    }
    report(options, servers.brokers ? 'kafka' : 'postgres', library, role);
  } finally {
    await servers.stop();
  }
}

/** Row-major, record by record: the series in turn, none of them at the same time of its day. */
function makeValues({ records, series }: DetectorBenchOptions): Float64Array {
  const steps = Math.ceil(records / series);
  const { values } = benchRows(steps + series * 7, 1);
  return Float64Array.from({ length: records }, (_, i) => {
    const step = Math.floor(i / series);
    return Math.round(1e4 * values[step + 7 * (i % series)]!) / 1e4;
  });
}

async function fill(
  env: Env,
  dataSource: DataSource,
  { records, series }: DetectorBenchOptions,
  values: Float64Array,
  progress: Progress,
): Promise<void> {
  const log = createObservationLog(env, dataSource, createLogger('bench', 'error'));
  const record = (i: number) => {
    const key = `pump-${i % series}`;
    const ts = new Date(FIRST_TS + Math.floor(i / series) * STEP_MS).toISOString();
    return { key, value: Buffer.from(JSON.stringify({ item_id: key, ts, values: { flow: values[i]! } })) };
  };
  try {
    await fillTopic(log, env.OBSERVATIONS_TOPIC, records, record, progress);
  } finally {
    await log.close();
  }
}

/** The bar: the detector of each series, values from memory, nothing decoded, kept or stored. @returns µs a score. */
function alone(
  { records, series }: DetectorBenchOptions,
  values: Float64Array,
  label: string,
  progress: Progress,
): number {
  const detectors = Array.from({ length: series }, () => createDetector('default', 1));
  const warm = Math.floor(records * WARM_UP);
  let started = 0;
  for (let i = 0; i < records; i++) {
    if (i === warm) started = processorSeconds();
    detectors[i % series]!.observe(FIRST_TS + Math.floor(i / series) * STEP_MS, values.subarray(i, i + 1));
    if (i % 10_000 === 0) progress.report(label, i, records);
  }
  progress.report(label, records, records);
  return (1e6 * (processorSeconds() - started)) / (records - warm);
}

/** The detector role as it serves, Kafka's client and PostgreSQL's included. */
async function detect(
  env: Env,
  dataSource: DataSource,
  { records }: DetectorBenchOptions,
  label: string,
  clock: ServerClock | undefined,
  progress: Progress,
): Promise<Cost> {
  const logger = createLogger('bench', 'error');
  const log = createObservationLog(env, dataSource, logger);
  const now = (committed: number) => ({ committed, node: processorSeconds(), postgres: clock?.() ?? Number.NaN });
  let [first, last] = [now(0), now(0)];
  const watcher: Watcher = {
    started: () => undefined,
    committed: (committed) => {
      if (committed <= records * WARM_UP || first.committed === 0) first = now(committed);
      last = now(committed);
      progress.report(label, committed, records);
    },
  };
  try {
    const reading = { log, dataSource, group: env.DETECTOR_GROUP, total: records };
    await consumeAll(reading, watcher, (seen) => new DetectorService(env, seen, logger, dataSource));
  } finally {
    await log.close();
  }
  const scores = last.committed - first.committed;
  if (scores <= 0) throw new Error(`${records} records came in one batch; nothing is left to measure: ask for more`);
  const node = (1e6 * (last.node - first.node)) / scores;
  return clock ? { node, postgres: (1e6 * (last.postgres - first.postgres)) / scores } : { node };
}

function report(
  { records, series, rounds }: DetectorBenchOptions,
  log: string,
  library: readonly number[],
  role: readonly Cost[],
): void {
  const node = role.map((cost) => cost.node);
  const postgres = role.flatMap((cost) => cost.postgres ?? []);
  const header = ['µs a score', ...library.map((_, i) => `round ${i + 1}`), 'median', 'scores/s'];
  const row = (name: string, all: readonly number[]) => [
    name,
    ...all.map((value) => value.toFixed(1)),
    median(all).toFixed(1),
    Math.round(1e6 / median(all)),
  ];
  const rows = [row('library alone', library), row('the role: Node', node)];
  const both = role.flatMap((cost) => (cost.postgres === undefined ? [] : cost.node + cost.postgres));
  if (both.length > 0) rows.push(row('the role: PostgreSQL', postgres), row('the role: both', both));
  const ratio = median(library) / median(node);
  process.stdout.write(`${formatTable(header, rows)}\nratio ${ratio.toFixed(2)}\n\n`);
  const result = {
    bench: 'detector',
    log,
    records,
    series,
    rounds,
    library_scores_per_s: Math.round(1e6 / median(library)),
    role_scores_per_s: Math.round(1e6 / median(node)),
    scores_per_s_with_postgres: both.length > 0 ? Math.round(1e6 / median(both)) : null,
    ratio: Number(ratio.toFixed(3)),
  };
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
