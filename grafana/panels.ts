import { BigValueColorMode } from '@grafana/grafana-foundation-sdk/common';
import {
  AnnotationQueryBuilder,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  type DynamicConfigValue,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table';
import { PanelBuilder as TimeSeriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';

import { ANOMALY_ANNOTATIONS } from './anomalies/queries.js';
import { DATABASE, METRICS } from './data-sources.js';
import { tableQuery, timeSeriesQuery } from './sql-query.js';

/** Rows of a query; an item in them leads to its dashboard. */
export function table(title: string, description: string, rawSql: string): TableBuilder {
  return new TableBuilder()
    .title(title)
    .description(description)
    .datasource(DATABASE)
    .filterable(true)
    .overrideByName('item_id', [
      value('links', [
        {
          title: 'Open the item',
          url: '/d/tidecast-item?var-item=${__value.raw:percentencode}&${datasource:queryparam}&${__url_time_range}',
        },
      ]),
    ])
    .withTarget(tableQuery('A', rawSql));
}

/** One number out of the database; with `worryFrom` it turns orange from there on. */
export function stat(title: string, description: string, rawSql: string, worryFrom?: number): StatBuilder {
  const panel = new StatBuilder()
    .title(title)
    .description(description)
    .datasource(DATABASE)
    .withTarget(tableQuery('A', rawSql));
  if (worryFrom === undefined) return panel;
  return panel.colorMode(BigValueColorMode.Value).thresholds(
    new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps([
      { value: null, color: 'green' },
      { value: worryFrom, color: 'orange' },
    ]),
  );
}

/** Lines out of the database. */
export function lines(title: string, description: string, rawSql: string): TimeSeriesBuilder {
  return new TimeSeriesBuilder()
    .title(title)
    .description(description)
    .datasource(DATABASE)
    .withTarget(timeSeriesQuery('A', rawSql));
}

/** Lines out of the metrics of the processes: `queries` maps a legend to an expression. */
export function metricLines(
  title: string,
  description: string,
  queries: Readonly<Record<string, string>>,
): TimeSeriesBuilder {
  const panel = new TimeSeriesBuilder().title(title).description(description).datasource(METRICS).min(0);
  Object.entries(queries).forEach(([legend, expr], i) =>
    panel.withTarget(
      new DataqueryBuilder()
        .refId(String.fromCharCode('A'.charCodeAt(0) + i))
        .datasource(METRICS)
        .expr(expr)
        .legendFormat(legend)
        .range(),
    ),
  );
  return panel;
}

/** Marks anomalous events in every panel over time. */
export function anomalyAnnotations(): AnnotationQueryBuilder {
  return new AnnotationQueryBuilder()
    .name('Anomalies')
    .datasource(DATABASE)
    .enable(true)
    .iconColor('red')
    .target(tableQuery('Anomalies', ANOMALY_ANNOTATIONS));
}

/** A setting of an override. */
export function value(id: string, setting: unknown): DynamicConfigValue {
  return { id, value: setting };
}
