import type { Env } from '@app/config';
import { PlatformError, messageOf, type Logger } from '@app/observability';
import type { Admin, Kafka } from 'kafkajs';
import type { DataSource } from 'typeorm';

import { KafkaAppender } from './kafka-appender.js';
import { kafkaClient } from './kafka-client.js';
import { KafkaConsumption } from './kafka-consumption.js';
import { partitionLags } from './lag.js';
import type {
  BatchHandler,
  ConsumeOptions,
  Consumption,
  ObservationLog,
  OutgoingRecord,
  PartitionLag,
} from './observation-log.js';
import { StoredOffsets } from './stored-offsets.js';

/** The observation log on Apache Kafka. */
export class KafkaLog implements ObservationLog {
  readonly kind = 'kafka';
  readonly #kafka: Kafka;
  readonly #appender: KafkaAppender;
  readonly #offsets: StoredOffsets;
  readonly #consumptions = new Set<KafkaConsumption>();
  #admin: Promise<Admin> | undefined;

  constructor(
    private readonly env: Env,
    dataSource: DataSource,
    private readonly logger: Logger,
  ) {
    this.#kafka = kafkaClient(env, logger);
    this.#appender = new KafkaAppender(this.#kafka, logger);
    this.#offsets = new StoredOffsets(dataSource);
  }

  async check(): Promise<void> {
    await this.#withAdmin((admin) => admin.describeCluster());
  }

  async ensureTopics(topics: readonly string[]): Promise<void> {
    await this.#withAdmin(async (admin) => {
      const existing = new Set(await admin.listTopics());
      const missing = topics.filter((topic) => !existing.has(topic));
      if (missing.length === 0) return;
      if (!this.env.CREATE_TOPICS) {
        throw new PlatformError(
          'CONFIG_INVALID',
          `the broker has no topic ${missing.join(', ')}; create it, or allow it with CREATE_TOPICS=true`,
        );
      }
      // Another replica may create them at the same moment; createTopics answers false then.
      await admin.createTopics({
        waitForLeaders: true,
        topics: missing.map((topic) => ({ topic, numPartitions: this.env.TOPIC_PARTITIONS, replicationFactor: -1 })),
      });
    });
  }

  append(topic: string, records: readonly OutgoingRecord[]): Promise<void> {
    return this.#appender.append(topic, records);
  }

  consume(options: ConsumeOptions, handler: BatchHandler): Consumption {
    const consumption = new KafkaConsumption({
      kafka: this.#kafka,
      options,
      handler,
      offsets: this.#offsets,
      logger: this.logger,
      prepare: () => this.ensureTopics([options.topic]),
      available: (partition) => this.#available(options.topic, partition),
    });
    this.#consumptions.add(consumption);
    return consumption;
  }

  async endOffsets(topic: string): Promise<Map<number, number>> {
    const partitions = await this.#withAdmin((admin) => admin.fetchTopicOffsets(topic));
    return new Map(partitions.map(({ partition, high }) => [partition, Number(high)]));
  }

  async lag(group: string, topic: string): Promise<PartitionLag[]> {
    return partitionLags(await this.endOffsets(topic), await this.#offsets.loadAll(group, topic));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#consumptions].map((consumption) => consumption.stop()));
    await this.#appender.close();
    const admin = this.#admin;
    this.#admin = undefined;
    await (await admin?.catch(() => undefined))?.disconnect();
  }

  async #available(topic: string, partition: number): Promise<{ earliest: number; end: number }> {
    const partitions = await this.#withAdmin((admin) => admin.fetchTopicOffsets(topic));
    const found = partitions.find((entry) => entry.partition === partition);
    if (!found) throw new PlatformError('LOG_UNAVAILABLE', `the broker does not know ${topic}/${partition}`);
    return { earliest: Number(found.low), end: Number(found.high) };
  }

  async #withAdmin<T>(work: (admin: Admin) => Promise<T>): Promise<T> {
    try {
      this.#admin ??= this.#connectAdmin();
      return await work(await this.#admin);
    } catch (error) {
      if (error instanceof PlatformError) throw error;
      // The next call connects anew: a client that lost its broker may not recover by itself.
      const admin = this.#admin;
      this.#admin = undefined;
      await admin?.then((connected) => connected.disconnect()).catch(() => undefined);
      const brokers = this.env.KAFKA_BROKERS?.join(', ') ?? '';
      throw new PlatformError(
        'LOG_UNAVAILABLE',
        `Kafka at ${brokers} does not answer: ${messageOf(error)}`,
        { brokers },
        { cause: error },
      );
    }
  }

  async #connectAdmin(): Promise<Admin> {
    const admin = this.#kafka.admin();
    await admin.connect();
    return admin;
  }
}
