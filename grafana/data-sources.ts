import { DatasourceVariableBuilder } from '@grafana/grafana-foundation-sdk/dashboard';

/** The data sources that `provisioning/datasources` makes, by their uid there. */
export const PROVISIONED = { database: 'tidecast', metrics: 'tidecast-metrics' } as const;

/** The PostgreSQL data source that the dashboard variable `datasource` names. */
export const DATABASE = { type: 'grafana-postgresql-datasource', uid: '${datasource}' };

/** The Prometheus that scrapes Tidecast's processes, named by the dashboard variable `metrics`. */
export const METRICS = { type: 'prometheus', uid: '${metrics}' };

export function databaseVariable(): DatasourceVariableBuilder {
  return new DatasourceVariableBuilder('datasource')
    .label('Database')
    .type(DATABASE.type)
    .current({ text: 'Tidecast', value: PROVISIONED.database });
}

export function metricsVariable(): DatasourceVariableBuilder {
  return new DatasourceVariableBuilder('metrics')
    .label('Metrics')
    .type(METRICS.type)
    .current({ text: 'Tidecast metrics', value: PROVISIONED.metrics });
}
