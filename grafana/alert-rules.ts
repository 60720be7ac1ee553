import { DEAD_LETTERS, FAILED_RUNS, OUTBOX_AGE, STALE } from './alert-queries.js';
import { PROVISIONED } from './data-sources.js';
import { MISCOVERAGE } from './scorecard/queries.js';

interface Rule {
  readonly uid: string;
  readonly title: string;
  readonly summary: string;
  /** Of the database, or of the metrics of the processes. */
  readonly query: { readonly sql: string } | { readonly expr: string };
  /** Fires for every row above it. */
  readonly above: number;
  /** How long it must stay so. */
  readonly lasting: string;
}

const RULES: readonly Rule[] = [
  {
    uid: 'tidecast-miscoverage',
    title: 'Intervals do not cover what they promise',
    summary: '{{ $labels.item_id }}/{{ $labels.channel }}: 80 % intervals were off by {{ $values.A }} over a week',
    query: { sql: MISCOVERAGE },
    // Points of coverage; with 200 dependent points this is beyond what chance explains.
    above: 0.06,
    lasting: '1h',
  },
  {
    uid: 'tidecast-stale-series',
    title: 'A series stands still',
    summary: '{{ $labels.item_id }}/{{ $labels.channel }} is {{ $values.A }} steps behind',
    query: { sql: STALE },
    above: 0,
    lasting: '5m',
  },
  {
    uid: 'tidecast-dead-letters',
    title: 'Records can not be used',
    summary: '{{ $values.A }} records of the last ten minutes were refused: {{ $labels.code }}',
    query: { sql: DEAD_LETTERS },
    above: 0,
    lasting: '0s',
  },
  {
    uid: 'tidecast-failed-runs',
    title: 'A scheduled run failed',
    summary: 'job {{ $labels.job }}: {{ $values.A }} runs of the last hour failed, wholly or in part',
    query: { sql: FAILED_RUNS },
    above: 0,
    lasting: '0s',
  },
  {
    uid: 'tidecast-outbox',
    title: 'Nothing leaves the outbox',
    summary: 'the oldest record has waited for {{ $values.A }} seconds; is the broker or webhook reachable?',
    query: { sql: OUTBOX_AGE },
    above: 300,
    lasting: '5m',
  },
  {
    uid: 'tidecast-lag',
    title: 'A consumer falls behind',
    summary: '{{ $labels.group }} has {{ $values.A }} records of {{ $labels.topic }} left to read',
    query: { expr: 'max by (group, topic) (tidecast_consumer_lag_records)' },
    above: 100_000,
    lasting: '10m',
  },
  {
    uid: 'tidecast-fallback',
    title: 'A model does not run on the provider that was wanted',
    summary: '{{ $labels.model }} runs on {{ $labels.provider }}; GET /api/v1/models says why',
    query: { expr: 'max by (model, provider) (tidecast_model_provider{fallback="true"})' },
    above: 0,
    lasting: '5m',
  },
  {
    uid: 'tidecast-worker-deaths',
    title: 'Inference processes die',
    summary: '{{ $values.A }} inference processes died within half an hour',
    query: { expr: 'sum(increase(tidecast_inference_worker_deaths_total[30m]))' },
    above: 2,
    lasting: '0s',
  },
];

/** Alert rules as Grafana's provisioning reads them; JSON is YAML too. */
export function alertRulesJson(): string {
  const groups = [{ orgId: 1, name: 'tidecast', folder: 'Tidecast', interval: '1m', rules: RULES.map(toRule) }];
  return `${JSON.stringify({ apiVersion: 1, groups }, null, 2)}\n`;
}

function toRule({ uid, title, summary, query, above, lasting }: Rule) {
  return {
    uid,
    title,
    condition: 'B',
    data: [
      'sql' in query ? fromDatabase(query.sql) : fromMetrics(query.expr),
      {
        refId: 'B',
        datasourceUid: '__expr__',
        model: {
          refId: 'B',
          type: 'threshold',
          expression: 'A',
          conditions: [{ evaluator: { type: 'gt', params: [above] } }],
        },
      },
    ],
    noDataState: 'OK',
    execErrState: 'Error',
    for: lasting,
    annotations: { summary },
    labels: { service: 'tidecast' },
  };
}

function fromDatabase(rawSql: string) {
  return {
    refId: 'A',
    relativeTimeRange: { from: 604_800, to: 0 },
    datasourceUid: PROVISIONED.database,
    model: { refId: 'A', editorMode: 'code', rawQuery: true, rawSql, format: 'table' },
  };
}

function fromMetrics(expr: string) {
  return {
    refId: 'A',
    relativeTimeRange: { from: 600, to: 0 },
    datasourceUid: PROVISIONED.metrics,
    model: { refId: 'A', editorMode: 'code', expr, instant: true, range: false },
  };
}
