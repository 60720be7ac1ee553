import { ENV, type Env } from '@app/config';
import { LOGGER, type Logger } from '@app/observability';
import {
  DetectorStateRepository,
  IssuedForecastRepository,
  ItemLabelRepository,
  WebhookDeliveryRepository,
} from '@app/persistence';
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

import { maxFutureMs } from '../../ingest/src/max-future.js';
import { DetectionRules } from './detection-rules.js';
import { DetectionWriter } from './detection-writer.js';
import { DetectionConsumer } from './detection.consumer.js';
import { ForecastLookup } from './forecast-lookup.js';
import { ItemCache } from './item-cache.js';
import { RuleLookup } from './rule-lookup.js';
import { WebhookSender } from './webhooks/webhook.sender.js';

const MIB = 1_048_576;

/** The detector role: builds the consumer and its helpers, starts them after boot and stops them before the log closes. */
@Injectable()
export class DetectorService implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #consumer: DetectionConsumer;
  readonly #formats: RecordFormats;
  readonly #sender: WebhookSender;
  readonly #stopping = new AbortController();
  #consumption: Consumption | undefined;

  constructor(
    @Inject(ENV) private readonly env: Env,
    @Inject(OBSERVATION_LOG) private readonly log: ObservationLog,
    @Inject(LOGGER) private readonly logger: Logger,
    dataSource: DataSource,
  ) {
    const rules = new RuleLookup(DetectionRules.load(env.DETECTION_RULES), new ItemLabelRepository(dataSource));
    const states = new DetectorStateRepository(dataSource);
    const deliveries = new WebhookDeliveryRepository(dataSource);
    this.#sender = new WebhookSender({ deliveries, logger, addresses: env.WEBHOOK_ADDRESSES });
    this.#formats = new RecordFormats(env);
    this.#consumer = new DetectionConsumer({
      rules,
      cache: new ItemCache(states, env.DETECTOR_MEMORY_MB * MIB),
      forecasts: new ForecastLookup(new IssuedForecastRepository(dataSource)),
      writer: new DetectionWriter({ dataSource, states, deliveries, anomaliesTopic: env.ANOMALIES_TOPIC }),
      group: env.DETECTOR_GROUP,
      maxPoints: env.DETECTOR_BATCH_POINTS,
      maxFutureMs: maxFutureMs(env.MAX_FUTURE),
      formats: this.#formats,
      now: Date.now,
      alerted: () => this.#sender.wake(),
    });
  }

  /** Partitions that this process consumes right now. */
  assigned(): number[] {
    return this.#consumption?.assigned() ?? [];
  }

  // Not awaited: HTTP answers while the group still forms, or while the broker is away.
  onApplicationBootstrap(): void {
    this.#sender.start();
    void this.#start();
  }

  async onModuleDestroy(): Promise<void> {
    this.#stopping.abort();
    await Promise.all([this.#consumption?.stop(), this.#sender.stop()]);
  }

  async #start(): Promise<void> {
    const { OBSERVATIONS_TOPIC: topic, ANOMALIES_TOPIC: anomalies, DETECTOR_GROUP: group } = this.env;
    const { signal } = this.#stopping;
    const ready = await untilDone(
      () => this.log.ensureTopics([topic, anomalies]),
      signal,
      (error, attempt) =>
        this.logger.error({ ...errorFields(error), attempt }, 'the detector is not ready yet and tries again'),
    );
    if (!ready) return;
    this.#consumption = this.log.consume({ group, topic }, this.#formats.prepared(this.#consumer.handle));
  }
}
