import { ErrorForms } from '@app/server';
import { Module } from '@nestjs/common';
import { ReadDatabaseModule } from '../read-database.module.js';
import { AnomalyFamily } from './anomaly-family.js';
import { ForecastFamily } from './forecast-family.js';
import { MetricStore } from './metric-store.js';
import { ObservationFamily } from './observation-family.js';
import { isPrometheusPath, prometheusError } from './prometheus-error.js';
import { PrometheusQueries } from './prometheus-queries.js';
import { PrometheusController } from './prometheus.controller.js';
import { ScoreFamily } from './score-family.js';
import { SeriesFinder } from './series-finder.js';

/** Prometheus' API to read what is stored. Needs ENV and TypeORM's DataSource. */
@Module({
  imports: [ReadDatabaseModule],
  controllers: [PrometheusController],
  providers: [
    SeriesFinder,
    ObservationFamily,
    ForecastFamily,
    AnomalyFamily,
    ScoreFamily,
    MetricStore,
    PrometheusQueries,
  ],
})
export class PrometheusModule {
  constructor(forms: ErrorForms) {
    forms.add({ covers: isPrometheusPath, render: prometheusError });
  }
}
