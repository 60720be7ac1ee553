import { ModelRepository, ModelRoleRepository } from '@app/persistence';
import { Module } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { JobsModule } from '../../forecaster/src/jobs/jobs.module.js';
import { StreamPoliciesModule } from '../../forecaster/src/stream/stream-policies.module.js';
import { ObservationDoorModule } from '../../ingest/src/observation-door.module.js';
import { AccessApiModule } from './access/access-api.module.js';
import { AnomaliesController } from './anomalies/anomalies.controller.js';
import { StoredAnomalies } from './anomalies/stored-anomalies.js';
import { DialectsModule } from './dialects/dialects.module.js';
import { ForecastsController } from './forecasts/forecasts.controller.js';
import { StoredForecasts } from './forecasts/stored-forecasts.js';
import { JobsController } from './jobs/jobs.controller.js';
import { ModelRolesController } from './models/model-roles.controller.js';
import { ModelsController } from './models/models.controller.js';
import { ObservationReader } from './series/observation-reader.js';
import { PrometheusModule } from './prometheus/prometheus.module.js';
import { ReadDatabaseModule } from './read-database.module.js';
import { ScorecardController } from './scorecard/scorecard.controller.js';
import { ScorecardReader } from './scorecard/scorecard.reader.js';
import { SeriesCatalogue } from './series/series-catalogue.js';
import { SeriesController } from './series/series.controller.js';
import { ThinnedPoints } from './series/thinned-points.js';
import { StreamsModule } from './streams/streams.module.js';
import { StreamPoliciesController } from './stream-policies/stream-policies.controller.js';
import { WebModule } from './web/web.module.js';
import { StoredWebhooks } from './webhooks/stored-webhooks.js';
import { WebhooksController } from './webhooks/webhooks.controller.js';

/**
 * The gateway role: REST. Needs ENV, LOGGER and TypeORM's DataSource, and FORECAST_CLIENT of a global module:
 * `ForecasterModule` where the forecaster lives in the same process, else `ForecastClientModule.overHttp`.
 */
@Module({
  imports: [
    AccessApiModule,
    JobsModule,
    StreamPoliciesModule,
    ObservationDoorModule,
    StreamsModule,
    WebModule,
    DialectsModule,
    PrometheusModule,
    ReadDatabaseModule,
  ],
  controllers: [
    SeriesController,
    ForecastsController,
    AnomaliesController,
    WebhooksController,
    JobsController,
    StreamPoliciesController,
    // Before the one whose paths begin with a family.
    ModelRolesController,
    ModelsController,
    ScorecardController,
  ],
  providers: [
    SeriesCatalogue,
    ObservationReader,
    ThinnedPoints,
    StoredForecasts,
    ScorecardReader,
    StoredAnomalies,
    StoredWebhooks,
    {
      provide: ModelRepository,
      inject: [DataSource],
      useFactory: (dataSource: DataSource) => new ModelRepository(dataSource),
    },
    {
      provide: ModelRoleRepository,
      inject: [DataSource],
      useFactory: (dataSource: DataSource) => new ModelRoleRepository(dataSource),
    },
  ],
})
export class GatewayModule {}
