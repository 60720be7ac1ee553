import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { dataSourceOptions, migrate } from '@app/persistence';
import { Client } from 'pg';
import { DataSource } from 'typeorm';

import { startEmbeddedPostgres } from '../postgres/embedded-postgres.js';
import { repositoryRoot } from '../repository-root.js';

/** Servers of one measurement, with a database of its own. */
export interface BenchServers {
  readonly dataSource: DataSource;
  readonly databaseUrl: string;
  /** Empty where none were asked for, or none can be started. */
  readonly brokers: string;
  stop(): Promise<void>;
}

interface BrokerLauncher {
  whyNoBroker(cache: string): Promise<string | undefined>;
  fetchJars(cache: string): Promise<string>;
  startBroker(options: { jars: string; folder: string }): Promise<{ brokers: string; stop(): Promise<void> }>;
}

/**
 * The servers that DATABASE_URL and KAFKA_BROKERS name, or temporary ones with the durability of real ones.
 *
 * @param options.kafka whether a broker is needed; with `where-there` a machine that cannot start one goes without.
 */
export async function startServers({ kafka = true }: { kafka?: boolean | 'where-there' } = {}): Promise<BenchServers> {
  const folder = mkdtempSync(join(tmpdir(), 'tidecast-bench-'));
  // PostgreSQL may run as another user.
  chmodSync(folder, 0o755);
  const stops: (() => Promise<unknown>)[] = [async () => rmSync(folder, { recursive: true, force: true })];
  const stop = async () => {
    for (const step of stops.toReversed()) await step();
  };
  try {
    const server = process.env['DATABASE_URL'] ?? (await startPostgres(folder, stops));
    const brokers = kafka ? (process.env['KAFKA_BROKERS'] ?? (await startKafka(folder, stops, kafka === true))) : '';
    const databaseUrl = await createDatabase(server, stops);
    const dataSource = new DataSource(dataSourceOptions(databaseUrl, 10, 'tidecast-bench'));
    await dataSource.initialize();
    stops.push(() => dataSource.destroy());
    await migrate(dataSource);
    return { dataSource, databaseUrl, brokers, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startPostgres(folder: string, stops: (() => Promise<unknown>)[]): Promise<string> {
  const server = await startEmbeddedPostgres({ dataDir: folder });
  stops.push(() => server.stop());
  return server.url;
}

async function startKafka(folder: string, stops: (() => Promise<unknown>)[], needed: boolean): Promise<string> {
  const root = repositoryRoot();
  const module: unknown = await import(pathToFileURL(join(root, 'test/support/kafka/broker.mjs')).href);
  const launcher = module as BrokerLauncher;
  const cache = join(root, 'node_modules', '.cache', 'kafka');
  const obstacle = await launcher.whyNoBroker(cache);
  if (obstacle) {
    const message = `no Kafka: ${obstacle}, or set KAFKA_BROKERS to a broker of yours`;
    if (needed) throw new Error(message);
    process.stderr.write(`${message}; the log is PostgreSQL's\n`);
    return '';
  }
  const home = join(folder, 'kafka');
  mkdirSync(home);
  const broker = await launcher.startBroker({ jars: await launcher.fetchJars(cache), folder: home });
  stops.push(() => broker.stop());
  return broker.brokers;
}

async function createDatabase(server: string, stops: (() => Promise<unknown>)[]): Promise<string> {
  const name = `tidecast_bench_${process.pid}`;
  await onServer(server, `CREATE DATABASE ${name}`);
  stops.push(() => onServer(server, `DROP DATABASE ${name} WITH (FORCE)`));
  return Object.assign(new URL(server), { pathname: `/${name}` }).href;
}

async function onServer(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
