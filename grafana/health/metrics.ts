// PromQL over what the processes show at /metrics. A histogram's quantile is over all processes; `$__rate_interval` is at
// least four scrapes.

const rate = (metric: string, by?: string) => `sum${by ? ` by (${by})` : ''} (rate(${metric}[$__rate_interval]))`;
const quantile = (level: number, metric: string, by?: string) =>
  `histogram_quantile(${level}, ${rate(`${metric}_bucket`, by ? `le, ${by}` : 'le')})`;

/** By panel: a legend and the expression behind it. */
export const METRIC_QUERIES = {
  records: { '{{group}} {{topic}}': rate('tidecast_records_consumed_total', 'group, topic') },
  lag: { '{{group}} {{topic}}': 'max by (group, topic) (tidecast_consumer_lag_records)' },
  transactions: {
    'ingest p50': quantile(0.5, 'tidecast_ingest_transaction_seconds'),
    'ingest p99': quantile(0.99, 'tidecast_ingest_transaction_seconds'),
    'detector p99': quantile(0.99, 'tidecast_detector_transaction_seconds'),
  },
  backlog: {
    outbox: 'max(tidecast_outbox_pending_records)',
    'points to score': 'max(tidecast_score_backlog_tasks)',
  },
  forecasts: { '{{model}} {{status}}': rate('tidecast_forecasts_total', 'model, status') },
  inference: {
    '{{model}} p50': quantile(0.5, 'tidecast_inference_seconds', 'model'),
    '{{model}} p99': quantile(0.99, 'tidecast_inference_seconds', 'model'),
  },
  waits: { '{{lane}} p99': quantile(0.99, 'tidecast_inference_wait_seconds', 'lane') },
  rows: { '{{model}}': quantile(0.5, 'tidecast_inference_rows', 'model') },
  providers: {
    '{{model}} on {{provider}}, fallback {{fallback}}': 'max by (model, provider, fallback) (tidecast_model_provider)',
  },
  requests: {
    '{{route}} p50': quantile(0.5, 'tidecast_http_request_seconds', 'route'),
    '{{route}} p99': quantile(0.99, 'tidecast_http_request_seconds', 'route'),
  },
  errors: {
    '{{status}}': `sum by (status) (rate(tidecast_http_request_seconds_count{status=~"[45].."}[$__rate_interval]))`,
  },
  eventLoop: { '{{instance}}': 'nodejs_eventloop_lag_p99_seconds' },
  memory: { '{{instance}}': 'process_resident_memory_bytes' },
  processor: { '{{instance}}': 'rate(process_cpu_seconds_total[$__rate_interval])' },
  deaths: { 'inference processes': 'sum(increase(tidecast_inference_worker_deaths_total[$__rate_interval]))' },
} as const satisfies Record<string, Readonly<Record<string, string>>>;
