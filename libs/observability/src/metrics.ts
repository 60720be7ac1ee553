import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

/** The registry behind `GET /metrics`. One a process, as Prometheus scrapes processes. */
export const metricsRegistry = new Registry();
collectDefaultMetrics({ register: metricsRegistry });

const registers = [metricsRegistry];
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Every metric of Tidecast, one a hop of a record's walk; names follow the Prometheus conventions. */
export const metrics = {
  recordsConsumed: new Counter({
    name: 'tidecast_records_consumed_total',
    help: 'Records read from the observation log and committed, by consumer group.',
    labelNames: ['group', 'topic'],
    registers,
  }),
  observationsWritten: new Counter({
    name: 'tidecast_observations_written_total',
    help: 'Points written to Postgres, by what they were: new, revised or duplicate.',
    labelNames: ['kind'],
    registers,
  }),
  deadLetters: new Counter({
    name: 'tidecast_dead_letters_total',
    help: 'Records that could not be used, by error code.',
    labelNames: ['code'],
    registers,
  }),
  ingestTransactionSeconds: new Histogram({
    name: 'tidecast_ingest_transaction_seconds',
    help: 'Duration of one transaction of rows and offset.',
    buckets: SECONDS,
    registers,
  }),
  fencedTransactions: new Counter({
    name: 'tidecast_fenced_transactions_total',
    help: 'Transactions rolled back because another member owns the partition.',
    registers,
  }),
  consumerLag: new Gauge({
    name: 'tidecast_consumer_lag_records',
    help: 'Records between the committed offset of a consumer group and the end of the partition.',
    labelNames: ['group', 'topic', 'partition'],
    registers,
  }),
  consumerPaused: new Gauge({
    name: 'tidecast_consumer_paused',
    help: '1 while a partition is not fetched because its records come faster than they are dealt with.',
    labelNames: ['group', 'topic', 'partition'],
    registers,
  }),
  outboxPending: new Gauge({
    name: 'tidecast_outbox_pending_records',
    help: 'Records that wait in the outbox.',
    registers,
  }),
  contextSeconds: new Histogram({
    name: 'tidecast_context_seconds',
    help: 'Time to read and regularise the context windows of one call.',
    buckets: SECONDS,
    registers,
  }),
  inferenceSeconds: new Histogram({
    name: 'tidecast_inference_seconds',
    help: 'Duration of one model run in the worker, by model and provider.',
    labelNames: ['model', 'provider'],
    buckets: SECONDS,
    registers,
  }),
  inferenceRows: new Histogram({
    name: 'tidecast_inference_rows',
    help: 'Windows in one model run.',
    labelNames: ['model'],
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512],
    registers,
  }),
  inferenceWaitSeconds: new Histogram({
    name: 'tidecast_inference_wait_seconds',
    help: 'Time that rows waited for a worker, by model and lane.',
    labelNames: ['model', 'lane'],
    buckets: SECONDS,
    registers,
  }),
  inferenceWorkerDeaths: new Counter({
    name: 'tidecast_inference_worker_deaths_total',
    help: 'Inference processes that died or were ended, and were replaced.',
    registers,
  }),
  modelProvider: new Gauge({
    name: 'tidecast_model_provider',
    help: '1 for the provider that a model is proven to run on; fallback says whether another one was wanted.',
    labelNames: ['model', 'provider', 'fallback'],
    registers,
  }),
  forecasts: new Counter({
    name: 'tidecast_forecasts_total',
    help: 'Forecasts made, by model and status.',
    labelNames: ['model', 'status'],
    registers,
  }),
  scoredSteps: new Counter({
    name: 'tidecast_scored_steps_total',
    help: 'Steps of forecasts whose actual has arrived, by model; shadow forecasts too.',
    labelNames: ['model'],
    registers,
  }),
  insideSteps: new Counter({
    name: 'tidecast_scored_steps_inside_total',
    help: 'Scored steps whose actual lay inside the interval of that coverage, in percent.',
    labelNames: ['model', 'coverage'],
    registers,
  }),
  scoreBacklog: new Gauge({
    name: 'tidecast_score_backlog_tasks',
    help: 'Notes of arrived points that wait to be scored.',
    registers,
  }),
  jobRuns: new Counter({
    name: 'tidecast_job_runs_total',
    help: 'Scheduled runs that ended, by status.',
    labelNames: ['status'],
    registers,
  }),
  scores: new Counter({
    name: 'tidecast_scores_total',
    help: 'Values judged by detectors.',
    registers,
  }),
  anomalies: new Counter({
    name: 'tidecast_anomalies_total',
    help: 'Anomalies stored.',
    registers,
  }),
  alerts: new Counter({
    name: 'tidecast_alerts_total',
    help: 'Anomalies that somebody was told of.',
    registers,
  }),
  detectorTransactionSeconds: new Histogram({
    name: 'tidecast_detector_transaction_seconds',
    help: 'Duration of one transaction of anomalies, states and offset.',
    buckets: SECONDS,
    registers,
  }),
  detectorItems: new Gauge({
    name: 'tidecast_detector_items',
    help: 'Items whose detectors are in memory.',
    registers,
  }),
  detectorEvictions: new Counter({
    name: 'tidecast_detector_evictions_total',
    help: 'Idle items that left the memory of detectors for PostgreSQL.',
    registers,
  }),
  detectorRestores: new Counter({
    name: 'tidecast_detector_restores_total',
    help: 'Items whose detectors came back from a snapshot in PostgreSQL.',
    registers,
  }),
  webhookDeliveries: new Counter({
    name: 'tidecast_webhook_deliveries_total',
    help: 'Attempts to deliver an alert to a webhook, by what came of it: delivered, retried or failed.',
    labelNames: ['outcome'],
    registers,
  }),
  httpSeconds: new Histogram({
    name: 'tidecast_http_request_seconds',
    help: 'Duration of HTTP requests, by method, route and status.',
    labelNames: ['method', 'route', 'status'],
    buckets: SECONDS,
    registers,
  }),
};
