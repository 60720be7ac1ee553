import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table';
import { PanelBuilder as TimeSeriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';
import { GraphDrawStyle, StackingConfigBuilder, StackingMode } from '@grafana/grafana-foundation-sdk/common';
import { AnnotationQueryBuilder, type DynamicConfigValue } from '@grafana/grafana-foundation-sdk/dashboard';
import * as sql from './queries.js';
import { DATA_SOURCE, tableQuery, timeSeriesQuery } from './sql-query.js';

/** What was observed, and the newest forecast with its bands. */
export function fan(): TimeSeriesBuilder {
  return withBands(
    new TimeSeriesBuilder()
      .title('$item · $channel')
      .description('What was observed, and the newest forecast with its 80 % and 95 % bands.')
      .withTarget(timeSeriesQuery('A', sql.OBSERVED))
      .withTarget(timeSeriesQuery('B', sql.LATEST_FORECAST)),
  );
}

/** Forecasts of the past at one lead, against what came. */
export function pastForecasts(): TimeSeriesBuilder {
  return withBands(
    new TimeSeriesBuilder()
      .title('$item · $channel, forecast $lead steps ahead')
      .description('What was forecast that many steps before, with its bands, and what was then observed.')
      .withTarget(timeSeriesQuery('A', sql.OBSERVED))
      .withTarget(timeSeriesQuery('B', sql.PAST_FORECASTS)),
  );
}

/** Share of the actuals that lay inside the intervals, day by day. */
export function coverage(): TimeSeriesBuilder {
  return new TimeSeriesBuilder()
    .title('Coverage')
    .description('Share of the actuals inside the 80 % and 95 % intervals, of each model, by day.')
    .datasource(DATA_SOURCE)
    .unit('percentunit')
    .min(0)
    .max(1)
    .withTarget(timeSeriesQuery('A', sql.COVERAGE));
}

/** How each model did on the actuals that arrived. */
export function scorecard(): TableBuilder {
  return table('Scorecard', 'How each model did on the actuals that arrived in this time.', sql.SCORECARD)
    .overrideByName('coverage_80', [value('unit', 'percentunit')])
    .overrideByName('coverage_95', [value('unit', 'percentunit')]);
}

/** The series whose intervals promise too much or too little. */
export function miscoverage(): TableBuilder {
  return table(
    'Mis-coverage',
    'By how much the coverage of the served 80 % intervals was off over the last week; an alert fires from 6 points on.',
    sql.MISCOVERAGE,
  ).overrideByName('off_by', [value('unit', 'percentunit')]);
}

/** What was served instead of what, and why. */
export function champions(): TableBuilder {
  return table('Champions', 'Changes of what is served on a series, and why.', sql.CHAMPIONS);
}

/** Events of anomalous points, newest first. */
export function anomalies(): TableBuilder {
  return table(
    'Anomalies',
    'Events of anomalous points, the newest first; an alert was told to webhooks.',
    sql.ANOMALIES,
  )
    .overrideByName('peak_score', [value('decimals', 2)])
    .overrideByName('grade', [value('unit', 'percentunit')])
    .overrideByName('confidence', [value('unit', 'percentunit')]);
}

/** Marks the events of the item chosen in every panel over time. */
export function anomalyAnnotations(): AnnotationQueryBuilder {
  return new AnnotationQueryBuilder()
    .name('Anomalies')
    .datasource(DATA_SOURCE)
    .enable(true)
    .iconColor('red')
    .target(tableQuery('Anomalies', sql.ANOMALY_ANNOTATIONS));
}

/** The newest point of each series; the stalest first. */
export function freshness(): TableBuilder {
  return table('Freshness', 'The newest point of each series, the stalest first.', sql.FRESHNESS)
    .overrideByName('age', [value('unit', 's')])
    .overrideByName('steps_behind', [value('decimals', 1)]);
}

/** Points written, by when they became known. */
export function pointsPerSecond(): TimeSeriesBuilder {
  return new TimeSeriesBuilder()
    .title('Points per second')
    .description('Points written to the database, by when they became known.')
    .datasource(DATA_SOURCE)
    .interval('10s')
    .unit('cps')
    .min(0)
    .fillOpacity(20)
    .withTarget(timeSeriesQuery('A', sql.POINTS_PER_SECOND));
}

/** Records that could not be used, by error code. */
export function deadLettersByCode(): TimeSeriesBuilder {
  return new TimeSeriesBuilder()
    .title('Dead letters by code')
    .description('Records that could not be used, by error code.')
    .datasource(DATA_SOURCE)
    .interval('10s')
    .min(0)
    .decimals(0)
    .drawStyle(GraphDrawStyle.Bars)
    .fillOpacity(80)
    .stacking(new StackingConfigBuilder().mode(StackingMode.Normal))
    .withTarget(timeSeriesQuery('A', sql.DEAD_LETTERS_BY_CODE));
}

/** Dead letters one by one, with the start of the record. */
export function deadLetters(): TableBuilder {
  return table('Dead letters', 'The newest records that could not be used, and why.', sql.DEAD_LETTERS);
}

/** How much waits to leave the platform, and for how long. */
export function outbox(): StatBuilder {
  return new StatBuilder()
    .title('Outbox')
    .description('Records that wait to be sent to a topic or webhook, and the age of the oldest.')
    .datasource(DATA_SOURCE)
    .overrideByName('oldest_age', [value('unit', 's')])
    .withTarget(tableQuery('A', sql.OUTBOX));
}

/** How far each consumer group has come. */
export function offsets(): TableBuilder {
  return table('Offsets', 'How far each consumer group has come, and what is left to read.', sql.OFFSETS);
}

/** Runs of the scheduled jobs, newest first. */
export function jobRuns(): TableBuilder {
  return table('Job runs', 'Runs of the scheduled jobs, newest first.', sql.JOB_RUNS).overrideByName('duration', [
    value('unit', 's'),
  ]);
}

function table(title: string, description: string, rawSql: string): TableBuilder {
  return new TableBuilder()
    .title(title)
    .description(description)
    .datasource(DATA_SOURCE)
    .filterable(true)
    .withTarget(tableQuery('A', rawSql));
}

/** The observed line in front of the forecast's line and bands; one panel for each channel chosen. */
function withBands(panel: TimeSeriesBuilder): TimeSeriesBuilder {
  const hidden = value('custom.hideFrom', { legend: true, tooltip: false, viz: false });
  const edge = [value('custom.lineWidth', 0), value('color', { mode: 'fixed', fixedColor: 'blue' })];
  return panel
    .datasource(DATA_SOURCE)
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

function value(id: string, setting: unknown): DynamicConfigValue {
  return { id, value: setting };
}
