import { RowBuilder, type Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';

import { ANOMALIES } from '../anomalies/queries.js';
import { anomalyTable } from '../anomalies/dashboard.js';
import { dashboard } from '../dashboard.js';
import { databaseVariable } from '../data-sources.js';
import { lines, stat, table, value } from '../panels.js';
import * as sql from './queries.js';

/** Where to begin: is everything fresh, forecast, covered and quiet? */
export function overviewDashboard(): Dashboard {
  return dashboard('Tidecast', 'tidecast', 'Is everything fresh, forecast, covered and quiet?')
    .time({ from: 'now-24h', to: 'now' })
    .withVariable(databaseVariable())
    .withPanel(stat('Series', 'Series and items that were ever observed.', sql.SERIES).span(5).height(5))
    .withPanel(
      stat('Forecasts', 'Forecasts issued in the last hour, and of how many series.', sql.FORECASTS).span(5).height(5),
    )
    .withPanel(
      stat('Coverage', 'Share of the actuals inside the served 80 % and 95 % intervals over a week.', sql.COVERAGE)
        .unit('percentunit')
        .decimals(1)
        .span(6)
        .height(5),
    )
    .withPanel(
      stat('Alerts', 'Anomalous events of the last day that somebody was told of.', sql.ALERTS, 1).span(4).height(5),
    )
    .withPanel(
      stat('Dead letters', 'Records of the last day that could not be used.', sql.DEAD_LETTERS, 1).span(4).height(5),
    )
    .withRow(new RowBuilder('Series'))
    .withPanel(
      table('Freshness', 'The newest point of each series, the stalest first.', sql.FRESHNESS)
        .overrideByName('age', [value('unit', 's')])
        .overrideByName('steps_behind', [value('decimals', 1)])
        .span(24)
        .height(9),
    )
    .withPanel(
      lines('Points per second', 'Points written to the database, by when they became known.', sql.POINTS_PER_SECOND)
        .interval('10s')
        .unit('cps')
        .min(0)
        .fillOpacity(20)
        .span(24)
        .height(7),
    )
    .withRow(new RowBuilder('Anomalies'))
    .withPanel(anomalyTable('Anomalies', 'Events of anomalous points, the newest first.', ANOMALIES).span(24).height(8))
    .withRow(new RowBuilder('Jobs'))
    .withPanel(
      table('Job runs', 'Runs of the scheduled jobs, newest first.', sql.JOB_RUNS)
        .overrideByName('duration', [value('unit', 's')])
        .span(24)
        .height(8),
    )
    .build();
}
