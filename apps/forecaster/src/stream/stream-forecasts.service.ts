import { ENV, type Env } from '@app/config';
import { LOGGER, type Logger } from '@app/observability';
import { ForecastRepository, StreamPolicyRepository } from '@app/persistence';
import {
  OBSERVATION_LOG,
  RecordFormats,
  StoredOffsets,
  errorFields,
  untilDone,
  type Consumption,
  type ObservationLog,
} from '@app/streaming';
import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { DataSource } from 'typeorm';

import { maxFutureMs } from '../../../ingest/src/max-future.js';
import { ForecastService } from '../forecast.service.js';
import { ObservationFollower } from './observation-follower.js';
import { RequestFollower } from './request-follower.js';

/** Forecasts that the stream asks for: starts both consumers after boot and stops them before the log closes. */
@Injectable()
export class StreamForecastsService implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #observations: ObservationFollower;
  readonly #requests: RequestFollower;
  readonly #formats: RecordFormats;
  readonly #stopping = new AbortController();
  #consumptions: Consumption[] = [];

  constructor(
    @Inject(ENV) private readonly env: Env,
    @Inject(OBSERVATION_LOG) private readonly log: ObservationLog,
    @Inject(LOGGER) private readonly logger: Logger,
    dataSource: DataSource,
    service: ForecastService,
    forecasts: ForecastRepository,
  ) {
    const { FORECASTER_GROUP: group, FORECASTS_TOPIC: forecastsTopic } = env;
    const shared = { dataSource, service, forecasts, group, forecastsTopic, now: Date.now };
    this.#formats = new RecordFormats(env);
    this.#observations = new ObservationFollower({
      ...shared,
      policies: new StreamPolicyRepository(dataSource),
      offsets: new StoredOffsets(dataSource),
      logger,
      ingestGroup: env.INGEST_GROUP,
      maxFutureMs: maxFutureMs(env.MAX_FUTURE),
      formats: this.#formats,
    });
    this.#requests = new RequestFollower({
      ...shared,
      group: requestGroup(env),
      deadLetterTopic: env.DEAD_LETTER_TOPIC,
    });
  }

  // Not awaited: HTTP answers while the group still forms, or while the broker is away.
  onApplicationBootstrap(): void {
    void this.#start();
  }

  async onModuleDestroy(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#consumptions.map((consumption) => consumption.stop()));
  }

  async #start(): Promise<void> {
    const { OBSERVATIONS_TOPIC: observations, FORECAST_REQUESTS_TOPIC: requests, FORECASTER_GROUP: group } = this.env;
    const { signal } = this.#stopping;
    const ready = await untilDone(
      () => this.log.ensureTopics([observations, requests, this.env.FORECASTS_TOPIC]),
      signal,
      (error, attempt) =>
        this.logger.error({ ...errorFields(error), attempt }, 'stream forecasts are not ready yet and try again'),
    );
    if (!ready) return;
    this.#consumptions = [
      this.log.consume({ group, topic: observations }, this.#formats.prepared(this.#observations.handle)),
      this.log.consume({ group: requestGroup(this.env), topic: requests }, this.#requests.handle),
    ];
  }
}

/** A group of its own: kafkajs shares partitions out as if all members of a group read the same topics. */
function requestGroup({ FORECASTER_GROUP }: Env): string {
  return `${FORECASTER_GROUP}.requests`;
}
