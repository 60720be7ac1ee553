import { AccessModule } from '@app/access';
import { ENV, type Env } from '@app/config';
import { ForecasterCatalogue } from '@app/forecasters';
import { LOGGER, type Logger } from '@app/observability';
import {
  ContextRepository,
  ForecastRepository,
  JobTaskRepository,
  ModelRepository,
  ModelRoleRepository,
  ScoreRepository,
  SeriesRepository,
  SkillRepository,
} from '@app/persistence';
import { ReadinessProbes } from '@app/server';
import { StreamingModule } from '@app/streaming';
import { Inject, Module, type DynamicModule, type OnApplicationShutdown, type Provider } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import { DataSource } from 'typeorm';

import { GroupFitService } from './calibration/group-fit.service.js';
import { SkillHistory } from './calibration/skill-history.js';
import { SkillReviewService } from './calibration/skill-review.service.js';
import { ContextLoader } from './context-loader.js';
import { FORECAST_CLIENT } from './forecast-client.js';
import { ForecastSchedule } from './forecast.schedule.js';
import { ForecastService } from './forecast.service.js';
import { HierarchyService } from './hierarchy/hierarchy.service.js';
import { LeafRepository } from './hierarchy/leaf.repository.js';
import { InternalController } from './internal.controller.js';
import { JobWorker } from './jobs/job.worker.js';
import { JobsModule } from './jobs/jobs.module.js';
import { LocalForecastClient } from './local-forecast-client.js';
import { ReplayRepository } from './replay/replay.repository.js';
import { ReplayService } from './replay/replay.service.js';
import { ServingService } from './roles/serving.service.js';
import { RetentionService } from './scorecard/retention.service.js';
import { ScorecardService } from './scorecard/scorecard.service.js';
import { ScorecardWorker } from './scorecard/scorecard.worker.js';
import { MODEL_CATALOGUE, type ModelCatalogue } from './model-catalogue.js';
import { StreamForecastsService } from './stream/stream-forecasts.service.js';
import { ModelKeeper } from './model-keeper.js';

/** What a process gives to its forecaster role. */
export interface ForecasterOptions {
  readonly env: Pick<Env, 'SCHEDULER'>;
  /** Serve `/internal/*` to a gateway elsewhere; not where the gateway lives in the same process, on a public port. */
  readonly internalApi: boolean;
  /** Instead of the model packages of MODELS_DIR; for tests. */
  readonly catalogue?: ModelCatalogue;
}

/**
 * The forecaster role. Models are loaded, and proven, before the process listens. Gives FORECAST_CLIENT to the other
 * roles of the process.
 */
@Module({})
export class ForecasterModule implements OnApplicationShutdown {
  constructor(
    @Inject(MODEL_CATALOGUE) private readonly catalogue: ModelCatalogue,
    probes: ReadinessProbes,
  ) {
    probes.add('models', async () => {
      const models = await catalogue.describe();
      if (!models.some(({ state }) => state !== 'refused')) throw new Error('no model is ready');
    });
  }

  static register({ env, internalApi, catalogue }: ForecasterOptions): DynamicModule {
    return {
      module: ForecasterModule,
      global: true,
      imports: [JobsModule, AccessModule, ...(env.SCHEDULER ? [ScheduleModule.forRoot(), StreamingModule] : [])],
      controllers: internalApi ? [InternalController] : [],
      providers: [
        ...[
          SeriesRepository,
          ContextRepository,
          ForecastRepository,
          JobTaskRepository,
          ModelRepository,
          ModelRoleRepository,
          ScoreRepository,
          SkillRepository,
        ].map(repository),
        catalogue ? { provide: MODEL_CATALOGUE, useValue: catalogue } : CATALOGUE,
        ContextLoader,
        ForecastService,
        ModelKeeper,
        HierarchyService,
        LeafRepository,
        ReplayRepository,
        ReplayService,
        GroupFitService,
        RetentionService,
        ScorecardService,
        SkillHistory,
        ServingService,
        SkillReviewService,
        { provide: FORECAST_CLIENT, useClass: LocalForecastClient },
        ...(env.SCHEDULER ? [JobWorker, ForecastSchedule, ScorecardWorker, StreamForecastsService] : []),
      ],
      exports: [FORECAST_CLIENT],
    };
  }

  // As late as possible: requests that came before the shutdown are still being answered.
  async onApplicationShutdown(): Promise<void> {
    await this.catalogue.close();
  }
}

const CATALOGUE: Provider = {
  provide: MODEL_CATALOGUE,
  inject: [ENV, LOGGER],
  useFactory: (env: Env, logger: Logger): Promise<ModelCatalogue> => ForecasterCatalogue.load({ env, logger }),
};

function repository(type: new (dataSource: DataSource) => object): Provider {
  return { provide: type, inject: [DataSource], useFactory: (dataSource: DataSource) => new type(dataSource) };
}
