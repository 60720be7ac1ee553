import { RowBuilder, type Dashboard, type DynamicConfigValue } from '@grafana/grafana-foundation-sdk/dashboard';
import type { PanelBuilder as TimeSeriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';

import { anomalyTable } from '../anomalies/dashboard.js';
import { dashboard } from '../dashboard.js';
import { databaseVariable } from '../data-sources.js';
import { anomalyAnnotations, lines, table, value } from '../panels.js';
import { coverageLines, inPercent } from '../scorecard/dashboard.js';
import { timeSeriesQuery } from '../sql-query.js';
import { channelVariable, itemVariable, leadVariable } from '../variables.js';
import * as sql from './queries.js';

/** One item: history, forecast, yesterday's forecast against what came, anomalies, and how good the intervals were. */
export function itemDashboard(): Dashboard {
  return dashboard(
    'Tidecast item',
    'tidecast-item',
    'History, forecasts, anomalies and scores of the channels of an item.',
  )
    .time({ from: 'now-14d', to: 'now+2d' })
    .withVariable(databaseVariable())
    .withVariable(itemVariable())
    .withVariable(channelVariable())
    .withVariable(leadVariable())
    .annotation(anomalyAnnotations())
    .withPanel(fan().span(24).height(11))
    .withPanel(pastForecasts().span(24).height(9))
    .withRow(new RowBuilder('Anomalies'))
    .withPanel(anomalyTable('Anomalies', 'Events of the item, the newest first.', sql.ANOMALIES).span(24).height(8))
    .withRow(new RowBuilder('Scorecard'))
    .withPanel(coverageLines(sql.COVERAGE).span(12).height(9))
    .withPanel(
      inPercent(table('Scorecard', 'How each model did on the actuals that arrived in this time.', sql.SCORECARD))
        .span(12)
        .height(9),
    )
    .withRow(new RowBuilder('Models'))
    .withPanel(
      table('Parts', 'What went into the newest forecast, with which weight.', sql.PARTS)
        .overrideByName('weight', [value('unit', 'percentunit')])
        .span(12)
        .height(8),
    )
    .withPanel(table('Champions', 'Changes of what is served, and why.', sql.CHAMPIONS).span(12).height(8))
    .build();
}

function fan(): TimeSeriesBuilder {
  return withBands(
    lines('$item · $channel', 'What was observed, and the newest forecast with its 80 % and 95 % bands.', sql.OBSERVED),
    sql.LATEST_FORECAST,
  );
}

function pastForecasts(): TimeSeriesBuilder {
  return withBands(
    lines(
      '$item · $channel, forecast $lead steps ahead',
      'What was forecast that many steps before, with its bands, and what was then observed.',
      sql.OBSERVED,
    ),
    sql.PAST_FORECASTS,
  );
}

/** The observed line in front of the forecast's line and bands; one panel for each channel chosen. */
function withBands(panel: TimeSeriesBuilder, forecast: string): TimeSeriesBuilder {
  const hidden = value('custom.hideFrom', { legend: true, tooltip: false, viz: false });
  const edge = [value('custom.lineWidth', 0), value('color', { mode: 'fixed', fixedColor: 'blue' })];
  return panel
    .withTarget(timeSeriesQuery('B', forecast))
    .repeat('channel')
    .repeatDirection('h')
    .maxPerRow(2)
    .lineWidth(1)
    .spanNulls(false)
    .overrideByName('observed', [value('color', { mode: 'fixed', fixedColor: 'text' })])
    .overrideByName('forecast', [value('color', { mode: 'fixed', fixedColor: 'blue' }), value('custom.lineWidth', 2)])
    .overrideByName('upper_80', [...edge, ...band('80 %', 'lower_80', 30)])
    .overrideByName('upper_95', [...edge, ...band('95 %', 'lower_95', 15)])
    .overrideByName('lower_80', [...edge, hidden])
    .overrideByName('lower_95', [...edge, hidden]);
}

function band(name: string, lower: string, opacity: number): DynamicConfigValue[] {
  return [value('displayName', name), value('custom.fillBelowTo', lower), value('custom.fillOpacity', opacity)];
}
