import {
  CustomVariableBuilder,
  DashboardBuilder,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  VariableRefresh,
  type Dashboard,
} from '@grafana/grafana-foundation-sdk/dashboard';
import * as panels from './panels.js';
import { VARIABLE_QUERIES } from './queries.js';
import { DATA_SOURCE } from './sql-query.js';

const LEADS = ['1', '2', '3', '6', '12', '24', '48'];

/** The dashboard "Tidecast": series with their forecasts and anomalies, freshness, ingest health and jobs. */
export function tidecastDashboard(): Dashboard {
  return new DashboardBuilder('Tidecast')
    .uid('tidecast')
    .description('Series with their forecasts and anomalies, how fresh they are, and how the streams and jobs do.')
    .tags(['tidecast'])
    .timezone('browser')
    .time({ from: 'now-14d', to: 'now+2d' })
    .refresh('1m')
    .editable()
    .withVariable(dataSourceVariable())
    .withVariable(itemVariable())
    .withVariable(channelVariable())
    .withVariable(leadVariable())
    .annotation(panels.anomalyAnnotations())
    .withRow(new RowBuilder('Series'))
    .withPanel(panels.fan().span(24).height(11))
    .withPanel(panels.pastForecasts().span(24).height(9))
    .withRow(new RowBuilder('Anomalies'))
    .withPanel(panels.anomalies().span(24).height(8))
    .withRow(new RowBuilder('Scorecard'))
    .withPanel(panels.coverage().span(12).height(9))
    .withPanel(panels.scorecard().span(12).height(9))
    .withPanel(panels.miscoverage().span(10).height(8))
    .withPanel(panels.champions().span(14).height(8))
    .withRow(new RowBuilder('Streams'))
    .withPanel(panels.freshness().span(24).height(9))
    .withPanel(panels.pointsPerSecond().span(12).height(8))
    .withPanel(panels.deadLettersByCode().span(12).height(8))
    .withPanel(panels.deadLetters().span(24).height(7))
    .withPanel(panels.offsets().span(18).height(7))
    .withPanel(panels.outbox().span(6).height(7))
    .withRow(new RowBuilder('Jobs'))
    .withPanel(panels.jobRuns().span(24).height(9))
    .build();
}

/** The dashboard as the file that Grafana reads. */
export function dashboardJson(): string {
  const dashboard = tidecastDashboard();
  // Grafana numbers panels without an id anew at each load, which would break links to a panel.
  const numbered = dashboard.panels?.map((panel, index) => ({ ...panel, id: index + 1 }));
  return `${JSON.stringify({ ...dashboard, panels: numbered }, null, 2)}\n`;
}

function dataSourceVariable(): DatasourceVariableBuilder {
  return new DatasourceVariableBuilder('datasource')
    .label('Database')
    .type(DATA_SOURCE.type)
    .current({ text: 'Tidecast', value: 'tidecast' });
}

function itemVariable(): QueryVariableBuilder {
  return new QueryVariableBuilder('item')
    .label('Item')
    .datasource(DATA_SOURCE)
    .query(VARIABLE_QUERIES.item)
    .definition(VARIABLE_QUERIES.item)
    .refresh(VariableRefresh.OnDashboardLoad);
}

function channelVariable(): QueryVariableBuilder {
  return new QueryVariableBuilder('channel')
    .label('Channel')
    .datasource(DATA_SOURCE)
    .query(VARIABLE_QUERIES.channel)
    .definition(VARIABLE_QUERIES.channel)
    .refresh(VariableRefresh.OnDashboardLoad)
    .multi(true)
    .includeAll(true)
    .current({ text: ['All'], value: ['$__all'] });
}

function leadVariable(): CustomVariableBuilder {
  return new CustomVariableBuilder('lead')
    .label('Steps ahead')
    .values(LEADS.join(','))
    .current({ text: '1', value: '1' })
    .options(LEADS.map((lead) => ({ text: lead, value: lead, selected: lead === '1' })));
}
