import type { Env } from '@app/config';

import type { ObjectCodec } from './codecs/codec.js';
import { SchemaRegistry } from './codecs/confluent/schema-registry.js';
import { DebeziumCodec } from './codecs/debezium/debezium.js';
import { FlatCodec } from './codecs/flat.js';
import { LineProtocolCodec } from './codecs/line-protocol/line-protocol.js';
import { longCodec } from './codecs/long.js';
import { Naming } from './codecs/naming.js';
import { nativeCodec } from './codecs/native.js';
import { OtlpCodec } from './codecs/otlp/otlp.js';
import { PrometheusAdapterCodec } from './codecs/prometheus-adapter.js';
import { RowReader } from './codecs/row.js';
import type { BatchHandler } from './observation-log.js';

/** What the bytes of a record may be; which object a JSON or Avro record is, is told by its keys. */
export const FORMATS = ['json', 'line-protocol', 'otlp', 'confluent'] as const;
export type Format = (typeof FORMATS)[number];

/** Header that says what the bytes of a record are, where a look at them could be wrong. */
export const FORMAT_HEADER = 'tidecast-format';

/** The settings that say how records are read. */
export type FormatSettings = Pick<
  Env,
  | 'OBSERVATIONS_FORMAT'
  | 'LINE_PROTOCOL_ITEM'
  | 'LINE_PROTOCOL_CHANNEL'
  | 'PROMETHEUS_ITEM'
  | 'PROMETHEUS_CHANNEL'
  | 'OTLP_ITEM'
  | 'OTLP_CHANNEL'
  | 'OTLP_IDENTITY'
  | 'ROW_ITEM'
  | 'ROW_TIME'
  | 'ROW_CHANNELS'
  | 'ROW_CHANNEL'
  | 'SCHEMA_REGISTRY_URL'
  | 'SCHEMA_REGISTRY_USERNAME'
  | 'SCHEMA_REGISTRY_PASSWORD'
  | 'SCHEMA_REGISTRY_TOKEN'
>;

/** Everything that records can be, with the settings of a process. Made once; decoders share it. */
export class RecordFormats {
  /** What every record is said to be; undefined where each is looked at. */
  readonly fixed: Format | undefined;
  /** In the order of asking. */
  readonly objects: readonly ObjectCodec[];
  readonly lines: LineProtocolCodec;
  readonly otlp: OtlpCodec;
  readonly schemas: SchemaRegistry;

  constructor(settings: FormatSettings) {
    const rows = new RowReader({
      item: settings.ROW_ITEM,
      time: settings.ROW_TIME,
      channels: settings.ROW_CHANNELS,
      channel: settings.ROW_CHANNEL,
    });
    this.fixed = settings.OBSERVATIONS_FORMAT === 'auto' ? undefined : settings.OBSERVATIONS_FORMAT;
    this.lines = new LineProtocolCodec(
      new Naming('LINE_PROTOCOL', settings.LINE_PROTOCOL_ITEM, settings.LINE_PROTOCOL_CHANNEL),
    );
    this.otlp = new OtlpCodec(new Naming('OTLP', settings.OTLP_ITEM, settings.OTLP_CHANNEL), settings.OTLP_IDENTITY);
    this.objects = [
      nativeCodec,
      longCodec,
      new PrometheusAdapterCodec(new Naming('PROMETHEUS', settings.PROMETHEUS_ITEM, settings.PROMETHEUS_CHANNEL)),
      new DebeziumCodec(rows),
      this.otlp,
      ...(rows.takesObjects ? [new FlatCodec(rows)] : []),
    ];
    this.schemas = new SchemaRegistry({
      url: settings.SCHEMA_REGISTRY_URL,
      username: settings.SCHEMA_REGISTRY_USERNAME,
      password: settings.SCHEMA_REGISTRY_PASSWORD,
      token: settings.SCHEMA_REGISTRY_TOKEN,
    });
  }

  /**
   * A handler that gets a batch once all schemas that its records name are known. While the registry is away it throws,
   * so the batch is tried again and its partition waits: nothing becomes a dead letter for that.
   */
  prepared(handler: BatchHandler): BatchHandler {
    return async (batch) => {
      await this.schemas.load(batch.records, batch.signal);
      await handler(batch);
    };
  }
}
