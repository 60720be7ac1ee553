import { RowBuilder, type Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import type { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table';
import type { PanelBuilder as TimeSeriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';

import { dashboard } from '../dashboard.js';
import { databaseVariable } from '../data-sources.js';
import { lines, table, value } from '../panels.js';
import * as sql from './queries.js';

/** Whether yesterday's intervals covered, of every model, and what is served because of it. */
export function scorecardDashboard(): Dashboard {
  return dashboard('Tidecast scorecard', 'tidecast-scorecard', 'Whether the intervals of the past covered what came.')
    .time({ from: 'now-30d', to: 'now' })
    .withVariable(databaseVariable())
    .withPanel(coverageLines(sql.COVERAGE).span(12).height(9))
    .withPanel(
      lines(
        'MASE',
        'Absolute errors in units of seasonal naive, of each model, by day; below 1 is better than it.',
        sql.MASE,
      )
        .min(0)
        .span(12)
        .height(9),
    )
    .withPanel(
      inPercent(table('Models', 'Each model on all series.', sql.MODELS))
        .span(12)
        .height(9),
    )
    .withPanel(
      inPercent(table('Leads', 'Each model by the first step of the lead bucket.', sql.LEADS))
        .span(12)
        .height(9),
    )
    .withRow(new RowBuilder('What follows from it'))
    .withPanel(
      table(
        'Mis-coverage',
        'By how much the coverage of the served 80 % intervals was off over the last week; an alert fires from 6 points on.',
        sql.MISCOVERAGE,
      )
        .overrideByName('off_by', [value('unit', 'percentunit')])
        .span(10)
        .height(9),
    )
    .withPanel(table('Champions', 'Changes of what is served on a series, and why.', sql.CHAMPIONS).span(14).height(9))
    .build();
}

/** Share of the actuals inside the intervals of each model over time. */
export function coverageLines(rawSql: string): TimeSeriesBuilder {
  return lines('Coverage', 'Share of the actuals inside the 80 % and 95 % intervals, of each model, by day.', rawSql)
    .unit('percentunit')
    .min(0)
    .max(1);
}

/** A table whose coverages read as percent. */
export function inPercent(panel: TableBuilder): TableBuilder {
  return panel
    .overrideByName('coverage_80', [value('unit', 'percentunit')])
    .overrideByName('coverage_95', [value('unit', 'percentunit')]);
}
