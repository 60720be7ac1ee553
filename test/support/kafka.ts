import { randomBytes } from 'node:crypto';
import { Kafka, logLevel } from 'kafkajs';

/** The brokers of this run; empty where Kafka is missing, which only happens outside `describeWithKafka`. */
export const kafkaBrokers: readonly string[] = (process.env.KAFKA_BROKERS ?? '').split(',').filter(Boolean);

/**
 * `describe` for what needs a broker. Without one the tests are skipped, and `npm test` counts them loudly; with
 * `CI=true` they fail, so that no green run hides them.
 */
export function describeWithKafka(name: string, body: () => void): void {
  const title = `${name} (Kafka)`;
  if (kafkaBrokers.length > 0) {
    describe(title, body);
  } else if (process.env.CI === 'true') {
    describe(title, () => {
      it('has a broker', () => {
        throw new Error(`no Kafka in CI: ${process.env.KAFKA_MISSING ?? 'run with "npm test", which starts a broker'}`);
      });
    });
  } else {
    describe.skip(title, body);
  }
}

/** A kafkajs client for tests that play producer or reader. */
export function kafkaClient(clientId = 'test'): Kafka {
  return new Kafka({
    clientId,
    brokers: [...kafkaBrokers],
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 50, retries: 8 },
  });
}

/** A name that no other test uses, for topics, groups and items. */
export function uniqueName(prefix: string): string {
  return `${prefix}.${randomBytes(5).toString('hex')}`;
}

/** Creates a topic of its own for a test and returns its name. */
export async function createTopic(partitions = 4, topic: string = uniqueName('test')): Promise<string> {
  const admin = kafkaClient().admin();
  await admin.connect();
  try {
    await admin.createTopics({ topics: [{ topic, numPartitions: partitions }], waitForLeaders: true });
  } finally {
    await admin.disconnect();
  }
  return topic;
}

/** Reads everything that the topic holds now, all partitions, each in order. */
export async function readTopic(topic: string): Promise<KafkaRecord[]> {
  const admin = kafkaClient().admin();
  await admin.connect();
  const ends = (await admin.fetchTopicOffsets(topic)).filter(({ low, high }) => BigInt(high) > BigInt(low));
  await admin.disconnect();

  const waiting = new Map(ends.map(({ partition, high }) => [partition, BigInt(high)]));
  const records: KafkaRecord[] = [];
  if (waiting.size === 0) return records;
  const consumer = kafkaClient().consumer({ groupId: uniqueName('reader'), maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  try {
    await new Promise<void>((resolve, reject) => {
      consumer
        .run({
          eachBatch: ({ batch }) => {
            for (const { key, value, headers, offset } of batch.messages) {
              const texts = Object.entries(headers ?? {}).map(([name, header]) => [name, String(header)] as const);
              records.push({
                partition: batch.partition,
                offset: BigInt(offset),
                key: key?.toString() ?? null,
                value: value?.toString() ?? null,
                headers: Object.fromEntries(texts),
              });
            }
            if (BigInt(batch.lastOffset()) + 1n >= (waiting.get(batch.partition) ?? 0n))
              waiting.delete(batch.partition);
            if (waiting.size === 0) resolve();
            return Promise.resolve();
          },
        })
        .catch(reject);
    });
  } finally {
    await consumer.disconnect();
  }
  return records;
}

/** A record as a test looks at it. */
export interface KafkaRecord {
  readonly partition: number;
  readonly offset: bigint;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: Readonly<Record<string, string>>;
}
