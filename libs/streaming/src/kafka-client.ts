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

// kafkajs calls every lost connection and rebalance an error, several times a second while a broker is away. It mends
// what it can; the rest reaches us as an exception, and is logged once, as one.
function writeEntry(logger: Logger, { namespace, log: { message, error } }: LogEntry): void {
  logger.debug({ kafka: namespace, reason: typeof error === 'string' ? error : undefined }, message);
}
