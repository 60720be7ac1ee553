import type { Env } from '@app/config';
import type { Logger } from '@app/observability';
import kafkajs, { type Kafka, type KafkaConfig, type LogEntry, type SASLOptions } from 'kafkajs';

const { Kafka: KafkaClient, logLevel } = kafkajs;

type KafkaEnv = Pick<
  Env,
  | 'KAFKA_BROKERS'
  | 'KAFKA_CLIENT_ID'
  | 'KAFKA_SSL'
  | 'KAFKA_SASL_MECHANISM'
  | 'KAFKA_SASL_USERNAME'
  | 'KAFKA_SASL_PASSWORD'
>;

/** A kafkajs client with the brokers, TLS and SASL of the configuration, logging through our logger. */
export function kafkaClient(env: KafkaEnv, logger: Logger): Kafka {
  const config: KafkaConfig = {
    clientId: env.KAFKA_CLIENT_ID,
    brokers: env.KAFKA_BROKERS ?? [],
    ssl: env.KAFKA_SSL,
    sasl: saslOptions(env),
    connectionTimeout: 3_000,
    requestTimeout: 10_000,
    // kafkajs' own patience (about half a minute) would hide a broker that is away; callers decide how long to try.
    retry: { retries: 2, initialRetryTime: 100, maxRetryTime: 300 },
    logLevel: logLevel.INFO,
    logCreator: () => (entry) => writeEntry(logger, entry),
  };
  return new KafkaClient(config);
}

function saslOptions(env: KafkaEnv): SASLOptions | undefined {
  if (!env.KAFKA_SASL_MECHANISM) return undefined;
  return {
    mechanism: env.KAFKA_SASL_MECHANISM,
    username: env.KAFKA_SASL_USERNAME ?? '',
    password: env.KAFKA_SASL_PASSWORD ?? '',
  };
}

// kafkajs calls a lost connection or a rebalance an error; it retries both, and what it can't mend reaches us as an
// exception that is logged as one.
function writeEntry(logger: Logger, { level, namespace, log: { message, error } }: LogEntry): void {
  // KafkaAppender limits retries on purpose, and drops the producer when they are used up.
  if (message.startsWith('Limiting retries for the idempotent producer')) return;
  const fields = { kafka: namespace, reason: typeof error === 'string' ? error : undefined };
  if (level === logLevel.ERROR || level === logLevel.WARN) logger.warn(fields, message);
  else logger.debug(fields, message);
}
