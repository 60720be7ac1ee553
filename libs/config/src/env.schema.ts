import { Frequency } from '@app/series';
import { z } from 'zod';

const flag = z.stringbool({ truthy: ['true', '1', 'yes', 'on'], falsy: ['false', '0', 'no', 'off'] });
const port = z.coerce.number().int().min(0).max(65_535);
const count = (min: number, max: number) => z.coerce.number().int().min(min).max(max);
const list = z
  .string()
  .transform((text) =>
    text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== ''),
  )
  .refine((parts) => parts.length > 0, 'must name at least one entry');
const template = z
  .string()
  .regex(/^(?:[^{}]|\{[^{}]+\})+$/, 'must be a text with names in braces, such as {host}/{measurement}');
const topic = z
  .string()
  .regex(/^[\w.-]{1,249}$/, 'must be a Kafka topic name: letters, digits, dot, underscore and dash, at most 249');

/**
 * Every configuration key of Tidecast, with its default and one sentence. Nothing else reads `process.env`.
 * `npm start -- --help` prints this table.
 */
export const envSchema = z.object({
  HOST: z.string().default('127.0.0.1').describe('Address that HTTP binds to; loopback unless you open it.'),
  PORT: port.default(8080).describe('Port of the HTTP API; 0 takes a free one.'),
  API_KEYS: z
    .enum(['auto', 'always', 'never'])
    .default('auto')
    .describe('Who needs a key: everybody but callers on this machine (where HOST is loopback), everybody, or nobody.'),
  RATE_LIMIT_PER_MINUTE: count(0, 10_000_000)
    .default(6_000)
    .describe(
      'Most requests a minute of one key, or of one address without, in one process; 0 for any number. This machine may send any number.',
    ),
  CORS_ORIGINS: list
    .optional()
    .describe(
      'Comma-separated origins, such as https://app.example.com, whose pages may ask from a browser; without it none.',
    ),
  READ_TIMEOUT_SECONDS: count(1, 3_600)
    .default(30)
    .describe('Longest that one query of the database for a reader may take.'),
  LOG_LEVEL: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace'])
    .default('info')
    .describe('Least severe level that is logged.'),
  DATA_DIR: z
    .string()
    .default('.tidecast')
    .describe('Folder of the embedded PostgreSQL; used only when DATABASE_URL is not set.'),
  DATABASE_URL: z
    .url({ protocol: /^postgres(ql)?$/, error: 'must be a URL such as postgres://user:password@host:5432/database' })
    .optional()
    .describe('PostgreSQL (14 or newer) to use; without it an embedded one is started.'),
  DATABASE_POOL: count(2, 200).default(10).describe('Connections that one process keeps to PostgreSQL.'),
  KAFKA_BROKERS: list
    .optional()
    .describe('Comma-separated Kafka brokers; without it the observation log lives in PostgreSQL.'),
  KAFKA_CLIENT_ID: z.string().default('tidecast').describe('Client id that the brokers see.'),
  KAFKA_SSL: flag.default(false).describe('Speak TLS to the brokers.'),
  KAFKA_SASL_MECHANISM: z
    .enum(['plain', 'scram-sha-256', 'scram-sha-512'])
    .optional()
    .describe('SASL mechanism of the brokers; without it no authentication.'),
  KAFKA_SASL_USERNAME: z.string().optional().describe('SASL user name.'),
  KAFKA_SASL_PASSWORD: z.string().optional().describe('SASL password.'),
  OBSERVATIONS_TOPIC: topic.default('tidecast.observations').describe('Topic that observations come in on.'),
  DEAD_LETTER_TOPIC: topic
    .default('tidecast.observations.dead-letter')
    .describe('Topic for records that could not be used.'),
  ANOMALIES_TOPIC: topic.default('tidecast.anomalies').describe('Topic that anomalies leave by.'),
  FORECASTS_TOPIC: topic
    .default('tidecast.forecasts')
    .describe('Topic that forecasts which the stream asked for leave by.'),
  FORECAST_REQUESTS_TOPIC: topic
    .default('tidecast.forecast-requests')
    .describe('Topic that requests for forecasts come in on.'),
  TOPIC_PARTITIONS: count(1, 1024).default(4).describe('Partitions of the topics that Tidecast creates itself.'),
  CREATE_TOPICS: flag.default(true).describe('Create missing topics at start; switch off where rights forbid it.'),
  INGEST_GROUP: z.string().min(1).default('tidecast-ingest').describe('Consumer group of the ingest role.'),
  INGEST_BATCH_ROWS: count(1, 100_000).default(10_000).describe('Most points written in one transaction.'),
  MAX_FUTURE: z
    .string()
    .regex(/^P/, 'must be an ISO-8601 duration such as P1D')
    .default('P1D')
    .describe('How far ahead of the clock an observation may lie; later ones are refused.'),
  OBSERVATIONS_FORMAT: z
    .enum(['auto', 'json', 'line-protocol', 'otlp', 'confluent'])
    .default('auto')
    .describe('What the bytes of records in OBSERVATIONS_TOPIC are; auto looks at each.'),
  LINE_PROTOCOL_ITEM: template
    .default('{series}')
    .describe('Item id of a line of line protocol: {series} (measurement and tags), {measurement}, or a tag by name.'),
  LINE_PROTOCOL_CHANNEL: template
    .default('{field}')
    .describe('Channel of a field of line protocol: {field}, and what an item id may name.'),
  PROMETHEUS_ITEM: template
    .default('{series}')
    .describe('Item id of a Prometheus series: {series} (name and labels), {__name__}, or a label by name.'),
  PROMETHEUS_CHANNEL: template.default('value').describe('Channel of a Prometheus series, named by the same parts.'),
  OTLP_ITEM: template
    .default('{series}')
    .describe('Item id of an OTLP metric: {series} (metric, attributes, OTLP_IDENTITY), {metric}, or an attribute.'),
  OTLP_CHANNEL: template
    .default('{field}')
    .describe('Channel of a component of an OTLP metric: {field} (value, count, sum …), and what an item id may name.'),
  OTLP_IDENTITY: list
    .default([
      'service.namespace',
      'service.name',
      'service.instance.id',
      'host.name',
      'k8s.namespace.name',
      'k8s.pod.name',
      'k8s.container.name',
    ])
    .describe('Comma-separated attributes of an OTLP resource that are part of {series}; the others are labels only.'),
  ROW_ITEM: template
    .optional()
    .describe('Item id of a row (Debezium) or of a flat object in no other format, by columns: {site}/{sensor}.'),
  ROW_TIME: z
    .string()
    .optional()
    .describe('Column with the time of a row; without it ts, ds or the time of the change.'),
  ROW_CHANNELS: list
    .optional()
    .describe('Comma-separated columns with the values of a row; without it all numbers that say nothing else.'),
  ROW_CHANNEL: template.default('{column}').describe('Channel of a value of a row, by columns; {column} is its own.'),
  SCHEMA_REGISTRY_URL: z
    .url({ protocol: /^https?$/, error: 'must be an http(s) URL such as http://registry:8081' })
    .optional()
    .describe("Schema registry (Confluent's API) of records in Confluent's wire format."),
  SCHEMA_REGISTRY_USERNAME: z.string().optional().describe('User name, or API key, at the schema registry.'),
  SCHEMA_REGISTRY_PASSWORD: z.string().optional().describe('Password, or secret of the API key.'),
  SCHEMA_REGISTRY_TOKEN: z.string().optional().describe('Bearer token, instead of a user name.'),
  DETECTOR_GROUP: z.string().min(1).default('tidecast-detector').describe('Consumer group of the detector role.'),
  DETECTOR_BATCH_POINTS: count(1, 100_000).default(1_000).describe('Most points judged in one transaction.'),
  DETECTOR_MEMORY_MB: count(16, 1_048_576)
    .default(512)
    .describe('Memory for the states of detectors, in MiB; idle items leave it for PostgreSQL.'),
  DETECTION_RULES: z
    .string()
    .optional()
    .describe('JSON file of rules: which detectors watch which items, budgets of alerts, what is not to be told.'),
  WEBHOOK_ADDRESSES: z
    .enum(['public', 'private', 'any'])
    .default('private')
    .describe('Where webhooks may go: the internet, private networks too, or any address, this machine included.'),
  LOG_RETENTION_HOURS: count(1, 8760)
    .default(72)
    .describe('Hours that the PostgreSQL log keeps records which every consumer group has read.'),
  SCORED_POINTS_RETENTION_DAYS: count(1, 36_500)
    .default(90)
    .describe(
      'Days that it is kept what a point was scored with; the newest 200 of a series always are. A point that arrives later is not scored.',
    ),
  SHADOW_RETENTION_DAYS: count(1, 36_500)
    .default(90)
    .describe('Days that it is kept what each model behind a forecast said: as long as points can still be scored.'),
  FORECASTER_URL: z
    .url({ protocol: /^https?$/, error: 'must be an http(s) URL such as http://forecaster:8080' })
    .optional()
    .describe('Where a gateway that runs alone finds the forecaster.'),
  FORECASTER_GROUP: z
    .string()
    .min(1)
    .default('tidecast-forecaster')
    .describe('Consumer group of the forecaster role: stream policies and requests by topic.'),
  DEFAULT_FREQ: z
    .string()
    .refine(
      (text) => Frequency.parse(text) !== undefined,
      'must be an ISO-8601 duration of one kind such as PT1M or P1D',
    )
    .default('PT1M')
    .describe('Spacing assumed for a series of a single point that declares none; its forecast says so.'),
  MODELS_DIR: z.string().default('models').describe('Folder of model packages.'),
  MODELS_EXTRA_DIR: z
    .string()
    .optional()
    .describe('Second folder of model packages; one there replaces the one of the same name in MODELS_DIR.'),
  MODELS_RESCAN_SECONDS: count(0, 86_400)
    .default(30)
    .describe('Seconds between two looks at the folders of model packages; 0 looks at the start only.'),
  MODEL_MEMORY_MB: count(0, 1_048_576)
    .default(0)
    .describe('Memory for loaded models, in MiB; 0 takes a quarter of what the process may use.'),
  AUTO_MODE: z
    .enum(['aggregate', 'single'])
    .default('aggregate')
    .describe(
      'What model "auto" is: all families and baselines weighted into one forecast, or one family, the cheap way.',
    ),
  PROVIDER: z
    .enum(['auto', 'cuda', 'webgpu', 'cpu'])
    .default('auto')
    .describe('Execution provider of ONNX Runtime; auto takes the best that is proven to work.'),
  PROVIDER_STRICT: flag.default(false).describe('Refuse to start rather than fall back to another provider.'),
  INFERENCE_WORKERS: count(0, 64)
    .default(0)
    .describe('Processes that run models, each with a session of every one; 0 derives them from the CPU quota.'),
  INFERENCE_THREADS: count(0, 256)
    .default(0)
    .describe('Threads that one model run may use; 0 derives them from the CPU quota.'),
  INFERENCE_TIMEOUT_SECONDS: count(1, 3_600)
    .default(10)
    .describe('Longest that one model run may take; then its process is ended and replaced.'),
  WORKER_MEMORY_MB: count(0, 1_048_576)
    .default(0)
    .describe('Memory of one such process, in MiB; 0 takes half of what there is, at most 4096.'),
  CUDA_LIBRARY_PATH: z
    .string()
    .optional()
    .describe('Folders with the CUDA libraries, separated by colons, where the system does not find them itself.'),
  SCHEDULER: flag
    .default(true)
    .describe('Let this forecaster work by itself: on scheduled runs, stream policies and requests by topic.'),
  JOB_TASKS_AT_ONCE: count(1, 64)
    .default(3)
    .describe('Tasks of runs that a forecaster works on at once, each on a connection of its own.'),
  JOB_TASK_SERIES: count(1, 4096).default(64).describe('Series in one task that a forecaster claims of a run.'),
  MAX_HORIZON: count(1, 100_000).default(4096).describe('Longest horizon that a caller may ask for, in steps.'),
  MAX_SERIES_PER_CALL: count(1, 100_000).default(1024).describe('Most series in one forecast call.'),
  PROMETHEUS_MAX_SAMPLES: count(1_000, 100_000_000)
    .default(2_000_000)
    .describe('Most samples that a query of the Prometheus API may hold at one time.'),
  MAX_BODY_BYTES: count(1024, 1_073_741_824).default(20_971_520).describe('Largest HTTP request body.'),
});

/** The validated configuration of one process. */
export type Env = z.infer<typeof envSchema>;
