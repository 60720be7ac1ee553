import { ENV, type Env } from '@app/config';
import { LOGGER, type Logger } from '@app/observability';
import { SeriesWriter } from '@app/persistence';
import {
  OBSERVATION_LOG,
  RecordFormats,
  errorFields,
  untilDone,
  type Consumption,
  type ObservationLog,
} from '@app/streaming';
import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { DataSource } from 'typeorm';

import { maxFutureMs } from './max-future.js';
import { ObservationWriter } from './observation-writer.js';
import { ObservationConsumer } from './observation.consumer.js';
import { OutboxRelay } from './outbox.relay.js';
import { PartitionKeeper } from './partition-keeper.js';
import { SeriesProfiler } from './series-profiler.js';
import { SeriesRegistry } from './series-registry.js';

const MAX_TRANSACTIONS = 4;

/** The ingest role: builds the consumer and its helpers, starts them after boot and stops them before the log closes. */
@Injectable()
export class IngestService implements OnApplicationBootstrap, OnModuleDestroy {
  readonly consumer: ObservationConsumer;
  readonly #formats: RecordFormats;
  readonly #partitions: PartitionKeeper;
  readonly #profiler: SeriesProfiler;
  readonly #relay: OutboxRelay;
  readonly #stopping = new AbortController();
  #consumption: Consumption | undefined;

  constructor(
    @Inject(ENV) private readonly env: Env,
    @Inject(OBSERVATION_LOG) private readonly log: ObservationLog,
    @Inject(LOGGER) private readonly logger: Logger,
    dataSource: DataSource,
  ) {
    const series = new SeriesWriter(dataSource);
    const registry = new SeriesRegistry(series);
    this.#partitions = new PartitionKeeper(dataSource, logger);
    this.#profiler = new SeriesProfiler(series, logger);
    this.#relay = new OutboxRelay(dataSource, log, logger);
    const writer = new ObservationWriter({
      dataSource,
      registry,
      series,
      partitions: this.#partitions,
      profiler: this.#profiler,
      deadLetterTopic: env.DEAD_LETTER_TOPIC,
      // Half of the pool at most: reads of the stored offsets and the profiler need connections as well.
      concurrency: Math.max(1, Math.min(MAX_TRANSACTIONS, Math.floor(env.DATABASE_POOL / 2))),
    });
    this.#formats = new RecordFormats(env);
    this.consumer = new ObservationConsumer({
      registry,
      writer,
      group: env.INGEST_GROUP,
      maxRows: env.INGEST_BATCH_ROWS,
      maxFutureMs: maxFutureMs(env.MAX_FUTURE),
      formats: this.#formats,
      now: Date.now,
    });
  }

  /** Partitions that this process consumes right now. */
  assigned(): number[] {
    return this.#consumption?.assigned() ?? [];
  }

  // Not awaited: HTTP answers while the group still forms, or while the broker is away.
  onApplicationBootstrap(): void {
    void this.#start();
  }

  async onModuleDestroy(): Promise<void> {
    this.#stopping.abort();
    this.#partitions.stop();
    await Promise.all([this.#consumption?.stop(), this.#relay.stop(), this.#profiler.stop()]);
  }

  async #start(): Promise<void> {
    const { OBSERVATIONS_TOPIC: topic, DEAD_LETTER_TOPIC: deadLetterTopic, INGEST_GROUP: group } = this.env;
    const { signal } = this.#stopping;
    const prepare = async () => {
      await this.#partitions.start(Date.now);
      await this.log.ensureTopics([topic, deadLetterTopic]);
    };
    const ready = await untilDone(prepare, signal, (error, attempt) =>
      this.logger.error({ ...errorFields(error), attempt }, 'ingest is not ready yet and tries again'),
    );
    if (!ready) return;
    this.#relay.start();
    this.#consumption = this.log.consume({ group, topic }, this.#formats.prepared(this.consumer.handle));
  }
}
