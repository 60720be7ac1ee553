import { GraphDrawStyle, StackingConfigBuilder, StackingMode } from '@grafana/grafana-foundation-sdk/common';
import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import type { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table';

import { dashboard } from '../dashboard.js';
import { databaseVariable } from '../data-sources.js';
import { lines, table, value } from '../panels.js';
import * as sql from './queries.js';

/** What was anomalous, whom it was told, and what people said of it. */
export function anomaliesDashboard(): Dashboard {
  return dashboard(
    'Tidecast anomalies',
    'tidecast-anomalies',
    'What was anomalous, what was told, and what people said of it.',
  )
    .time({ from: 'now-7d', to: 'now' })
    .withVariable(databaseVariable())
    .withPanel(
      lines('Events', 'Anomalous events: told, over the budget, or held back by a rule.', sql.EVENTS)
        .interval('1h')
        .min(0)
        .decimals(0)
        .drawStyle(GraphDrawStyle.Bars)
        .fillOpacity(80)
        .stacking(new StackingConfigBuilder().mode(StackingMode.Normal))
        .span(24)
        .height(8),
    )
    .withPanel(table('Noisiest items', 'Items by the alerts of this time.', sql.NOISIEST).span(14).height(9))
    .withPanel(table('Labels', 'What people said of the events of this time.', sql.LABELS).span(10).height(9))
    .withPanel(
      anomalyTable(
        'Anomalies',
        'Events of anomalous points, the newest first; an alert was told to webhooks.',
        sql.ANOMALIES,
      )
        .span(24)
        .height(11),
    )
    .build();
}

/** A table of events with their numbers as people read them. */
export function anomalyTable(title: string, description: string, rawSql: string): TableBuilder {
  return table(title, description, rawSql)
    .overrideByName('peak_score', [value('decimals', 2)])
    .overrideByName('grade', [value('unit', 'percentunit')])
    .overrideByName('confidence', [value('unit', 'percentunit')]);
}
