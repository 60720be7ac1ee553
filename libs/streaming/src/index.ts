export { KafkaLog, type KafkaTuning } from './kafka-log.js';
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
export { byteaArray, float8Array, int2Array, int4Array, textArray, timestamptzArray, withoutNul } from './pg-arrays.js';
export { PostgresLog } from './postgres-log.js';
export { FencedError, StoredOffsets, commitOffset, type PartitionRef } from './stored-offsets.js';
export { OBSERVATION_LOG, StreamingModule, createObservationLog } from './streaming.module.js';
