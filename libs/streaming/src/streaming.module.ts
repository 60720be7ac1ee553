import { ENV, type Env } from '@app/config';
import { LOGGER, type Logger } from '@app/observability';
import { Inject, Module, type BeforeApplicationShutdown } from '@nestjs/common';
import { DataSource } from 'typeorm';

import { KafkaLog } from './kafka-log.js';
import type { ObservationLog } from './observation-log.js';
import { PostgresLog } from './postgres-log.js';

/** Injection token of the process's `ObservationLog`. */
export const OBSERVATION_LOG = Symbol('OBSERVATION_LOG');

/** The observation log of a process: Kafka where KAFKA_BROKERS is set, PostgreSQL otherwise. */
export function createObservationLog(env: Env, dataSource: DataSource, logger: Logger): ObservationLog {
  return env.KAFKA_BROKERS ? new KafkaLog(env, dataSource, logger) : new PostgresLog(env, dataSource, logger);
}

/** Provides OBSERVATION_LOG; needs ENV, LOGGER and TypeORM's DataSource in the process. */
@Module({
  providers: [{ provide: OBSERVATION_LOG, inject: [ENV, DataSource, LOGGER], useFactory: createObservationLog }],
  exports: [OBSERVATION_LOG],
})
export class StreamingModule implements BeforeApplicationShutdown {
  constructor(@Inject(OBSERVATION_LOG) private readonly log: ObservationLog) {}

  // Consumers stop in onModuleDestroy, the database in onApplicationShutdown: the log goes between them.
  async beforeApplicationShutdown(): Promise<void> {
    await this.log.close();
  }
}
