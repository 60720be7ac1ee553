export { dataSourceOptions, migrate } from './data-source.js';
export { ReadDatabase } from './read-database.js';
export { closeDedicated, connectionLost, openDedicated } from './dedicated-connection.js';
export { JobRunEntity, type JobRunFailure, type JobRunStatus } from './entities/job-run.entity.js';
export { JobEntity, type SeriesSelector } from './entities/job.entity.js';
export { ContextRepository, type ContextOptions, type ContextQuery } from './repositories/context.repository.js';
export { ForecastRepository, type NewForecast, type ShadowForecast } from './repositories/forecast.repository.js';
export { JobRepository, type NewRun } from './repositories/job.repository.js';
export { JobTaskRepository, type ClaimedTask } from './repositories/job-task.repository.js';
export {
  ScoreRepository,
  type ChangedPoint,
  type CoveringForecast,
  type ForecastStep,
  type ScoreDelta,
  type ScoreTask,
} from './repositories/score.repository.js';
export { ModelRepository, type ModelRecord, type NewModelRecord } from './repositories/model.repository.js';
export {
  MODEL_ROLES,
  ModelRoleRepository,
  type ModelRole,
  type NewModelRole,
  type RoleChange,
  type RoleKind,
  type RoleOnSeries,
  type RoleSelector,
} from './repositories/model-role.repository.js';
export { SkillRepository, type DayLoss, type StoredSkill } from './repositories/skill.repository.js';
export { SeriesRepository, type SeriesRow } from './repositories/series.repository.js';
export {
  StreamPolicyRepository,
  type PolicyMatch,
  type StreamPolicy,
  type StreamState,
} from './repositories/stream-policy.repository.js';
export { byteaArray, float8Array, int2Array, int4Array, textArray, timestamptzArray, withoutNul } from './pg-arrays.js';
export {
  OUTBOX_CHANNEL,
  storeDeadLetters,
  storeInOutbox,
  type DeadLetter,
  type OutboxRecord,
} from './repositories/dead-letter.repository.js';
export {
  keepReplaced,
  writeObservations,
  type ObservationRows,
  type ReplacedRows,
  type WriteCounts,
} from './repositories/observation.repository.js';
export {
  SeriesWriter,
  type KnownSeries,
  type ProfiledSeries,
  type SeriesKey,
  type SeriesMetadata,
} from './repositories/series-writer.repository.js';
export {
  storeAnomalies,
  takeLabels,
  type AnomalyLabel,
  type NewAnomaly,
  type WaitingLabel,
} from './repositories/anomaly.repository.js';
export {
  DetectorStateRepository,
  type StatePlace,
  type StoredState,
} from './repositories/detector-state.repository.js';
export {
  IssuedForecastRepository,
  type ArrivedPoint,
  type IssuedQuantiles,
} from './repositories/issued-forecast.repository.js';
export { ItemLabelRepository } from './repositories/item-label.repository.js';
export { WebhookDeliveryRepository, type AlertBody, type ClaimedDelivery } from './repositories/webhook.repository.js';
export {
  ApiKeyRepository,
  type ActiveApiKey,
  type ApiKeyRow,
  type NewApiKey,
} from './repositories/api-key.repository.js';
export { AuditRepository, type AuditEvent, type NewAuditEvent } from './repositories/audit.repository.js';
export { isUniqueViolation } from './unique-violation.js';
