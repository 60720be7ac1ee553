import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { loadEnv, type Env } from '@app/config';
import type { Forecaster } from '@app/forecasters';
import { silentLogger } from '@app/observability';
import { ForecastRepository, StreamPolicyRepository } from '@app/persistence';
import { createObservationLog, type ObservationLog, type OutgoingRecord } from '@app/streaming';
import type { DataSource } from 'typeorm';

import { StreamForecastsService } from '../../apps/forecaster/src/stream/stream-forecasts.service.js';
import { StreamPoliciesService } from '../../apps/forecaster/src/stream/stream-policies.service.js';
import { forecastService } from '../../apps/forecaster/test/forecast-service.js';
import { IngestService } from '../../apps/ingest/src/ingest.service.js';
import { kafkaBrokers, readTopic, uniqueName } from './kafka.js';
import { eventually } from './processes.js';

const CHILD = fileURLToPath(new URL('role-child.mjs', import.meta.url));

/** A record as a test looks at it. */
export interface SentRecord {
  readonly key: string | null;
  readonly value: Record<string, unknown>;
  readonly headers: Readonly<Record<string, string>>;
}

/** Topics and groups of a test's own, with ingest at work in this process. */
export class StreamWorld {
  readonly env: Env;
  readonly log: ObservationLog;
  readonly settings: Record<string, string>;
  readonly policies: StreamPoliciesService;
  readonly #ingest: IngestService;
  #follower: StreamForecastsService | undefined;

  constructor(
    readonly dataSource: DataSource,
    settings: Record<string, string>,
  ) {
    const topic = uniqueName('stream');
    this.settings = {
      OBSERVATIONS_TOPIC: topic,
      DEAD_LETTER_TOPIC: `${topic}.dead`,
      FORECASTS_TOPIC: `${topic}.forecasts`,
      FORECAST_REQUESTS_TOPIC: `${topic}.requests`,
      INGEST_GROUP: `${topic}-ingest`,
      FORECASTER_GROUP: `${topic}-forecaster`,
      TOPIC_PARTITIONS: '2',
      LOG_LEVEL: 'error',
      ...settings,
    };
    this.env = loadEnv(this.settings);
    this.log = createObservationLog(this.env, dataSource, silentLogger());
    this.policies = new StreamPoliciesService(new StreamPolicyRepository(dataSource), this.env);
    this.#ingest = new IngestService(this.env, this.log, silentLogger(), dataSource);
  }

  startIngest(): void {
    this.#ingest.onApplicationBootstrap();
  }

  /** Starts what follows the stream, in this process, with a forecaster of the test's own. */
  follow(forecaster: Forecaster): void {
    const { env, log, dataSource } = this;
    const service = forecastService(dataSource, forecaster);
    this.#follower = new StreamForecastsService(
      env,
      log,
      silentLogger(),
      dataSource,
      service,
      new ForecastRepository(dataSource),
    );
    this.#follower.onApplicationBootstrap();
  }

  async close(): Promise<void> {
    await Promise.all([this.#follower?.onModuleDestroy(), this.#ingest.onModuleDestroy()]);
    await this.log.close();
  }

  async send(topic: string, records: readonly OutgoingRecord[]): Promise<void> {
    await this.log.ensureTopics([topic]);
    await this.log.append(topic, records);
  }

  /** Waits until a group has committed all that a topic holds. */
  async untilRead(group: string, topic: string, patienceMs = 60_000): Promise<void> {
    const read = async () => {
      const lags = await this.log.lag(group, topic);
      return lags.length > 0 && lags.every(({ lag }) => lag === 0);
    };
    await eventually(read, patienceMs);
  }

  /** What a topic holds, once the outbox is empty. */
  async sent(topic: string): Promise<SentRecord[]> {
    await eventually(async () => (await this.dataSource.query('SELECT FROM outbox')).length === 0);
    const records = this.env.KAFKA_BROKERS ? await readTopic(topic) : await this.#logged(topic);
    return records.map(({ key, value, headers }) => ({ key, value: JSON.parse(String(value)), headers }));
  }

  #logged(topic: string): Promise<{ key: string | null; value: Buffer; headers: Record<string, string> }[]> {
    return this.dataSource.query(
      `SELECT key, value, headers FROM log_records WHERE topic = $1 ORDER BY partition, "offset"`,
      [topic],
    );
  }
}

/** The forecaster role in a process of its own, with baselines only. */
export class ForecasterChild {
  readonly #child: ChildProcess;

  constructor(settings: Record<string, string>) {
    const models = mkdtempSync(join(tmpdir(), 'no-models-'));
    this.#child = spawn(process.execPath, [CHILD, 'forecaster'], {
      env: { PATH: process.env['PATH'], MODELS_DIR: models, PROVIDER: 'cpu', ...settings },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
  }

  /** SIGKILL, and waits until it is gone. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }
}

/** Settings of Kafka for a world. */
export const kafkaSettings = { KAFKA_BROKERS: kafkaBrokers.join(',') };
