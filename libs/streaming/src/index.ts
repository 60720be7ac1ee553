export { atMost, backOff, pause, untilDone } from './back-off.js';
export type { RecordError, RecordSink, SeriesDeclaration } from './codecs/codec.js';
export { linesOf } from './codecs/line-protocol/line-protocol.js';
export { MAX_RECORD_BYTES, RecordDecoder, type RecordLimits } from './decode.js';
export { errorFields } from './error-fields.js';
export { FORMAT_HEADER, RecordFormats, type Format, type FormatSettings } from './formats.js';
export { KafkaLog } from './kafka-log.js';
export {
  headerText,
  type BatchHandler,
  type ConsumeOptions,
  type Consumption,
  type LogBatch,
  type LogHeaders,
  type LogRecord,
  type ObservationLog,
  type OutgoingRecord,
  type PartitionLag,
} from './observation-log.js';
export { PostgresLog } from './postgres-log.js';
export { FencedError, StoredOffsets, commitOffset, type PartitionRef } from './stored-offsets.js';
export { OBSERVATION_LOG, StreamingModule, createObservationLog } from './streaming.module.js';
