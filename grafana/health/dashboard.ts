import { GraphDrawStyle, StackingConfigBuilder, StackingMode } from '@grafana/grafana-foundation-sdk/common';
import { RowBuilder, type Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';

import { dashboard } from '../dashboard.js';
import { databaseVariable, metricsVariable } from '../data-sources.js';
import { lines, metricLines, stat, table, value } from '../panels.js';
import { METRIC_QUERIES } from './metrics.js';
import * as sql from './queries.js';

/** How Tidecast itself does: streams, inference, HTTP and processes. */
export function healthDashboard(): Dashboard {
  const { records, lag, transactions, backlog, forecasts, inference, waits, rows, providers } = METRIC_QUERIES;
  const { requests, errors, eventLoop, memory, processor, deaths } = METRIC_QUERIES;
  return dashboard('Tidecast health', 'tidecast-health', 'Streams, inference, HTTP and processes of Tidecast itself.')
    .time({ from: 'now-6h', to: 'now' })
    .withVariable(databaseVariable())
    .withVariable(metricsVariable())
    .withRow(new RowBuilder('Streams'))
    .withPanel(metricLines('Records', 'Records read and committed, a second.', records).unit('cps').span(8).height(8))
    .withPanel(metricLines('Lag', 'Records between the stored offset and the end of the log.', lag).span(8).height(8))
    .withPanel(
      metricLines('Transactions', 'Duration of a transaction of rows and offset.', transactions)
        .unit('s')
        .span(8)
        .height(8),
    )
    .withPanel(
      lines('Dead letters by code', 'Records that could not be used, by error code.', sql.DEAD_LETTERS_BY_CODE)
        .interval('10s')
        .min(0)
        .decimals(0)
        .drawStyle(GraphDrawStyle.Bars)
        .fillOpacity(80)
        .stacking(new StackingConfigBuilder().mode(StackingMode.Normal))
        .span(12)
        .height(8),
    )
    .withPanel(
      metricLines('Backlog', 'What waits to leave, and points that wait to be scored.', backlog).span(12).height(8),
    )
    .withPanel(
      table('Dead letters', 'The newest records that could not be used, and why.', sql.DEAD_LETTERS).span(24).height(7),
    )
    .withPanel(
      table('Offsets', 'How far each consumer group has come, and what is left to read.', sql.OFFSETS)
        .span(18)
        .height(7),
    )
    .withPanel(
      stat('Outbox', 'Records that wait to be sent to a topic or webhook, and the age of the oldest.', sql.OUTBOX)
        .overrideByName('oldest_age', [value('unit', 's')])
        .span(6)
        .height(7),
    )
    .withRow(new RowBuilder('Inference'))
    .withPanel(metricLines('Forecasts', 'Forecasts made, a second.', forecasts).unit('cps').span(8).height(8))
    .withPanel(metricLines('Model runs', 'Duration of one run of a network.', inference).unit('s').span(8).height(8))
    .withPanel(metricLines('Waits', 'Time that rows waited for a worker, by lane.', waits).unit('s').span(8).height(8))
    .withPanel(metricLines('Batches', 'Windows in the median run.', rows).span(8).height(8))
    .withPanel(
      metricLines('Providers', 'What each model runs on; fallback true is not what was wanted.', providers)
        .span(8)
        .height(8),
    )
    .withPanel(
      metricLines('Deaths', 'Inference processes that died and were replaced.', deaths).decimals(0).span(8).height(8),
    )
    .withRow(new RowBuilder('HTTP'))
    .withPanel(metricLines('Requests', 'Duration of requests, by route.', requests).unit('s').span(12).height(8))
    .withPanel(metricLines('Errors', 'Answers of 4xx and 5xx, a second.', errors).unit('reqps').span(12).height(8))
    .withRow(new RowBuilder('Processes'))
    .withPanel(
      metricLines('Event loop', 'Delay of the thread that serves: 99 % were shorter.', eventLoop)
        .unit('s')
        .span(8)
        .height(8),
    )
    .withPanel(metricLines('Memory', 'Resident memory of each process.', memory).unit('bytes').span(8).height(8))
    .withPanel(metricLines('Processor', 'Processor seconds a second.', processor).span(8).height(8))
    .build();
}
