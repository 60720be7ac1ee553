/** The closed list of error codes with the HTTP status that each has at the edge. */
export const ERROR_CODES = {
  // A request or record that can't be understood.
  MALFORMED_JSON: 400,
  INVALID_REQUEST: 400,
  UNSUPPORTED_MEDIA_TYPE: 415,
  PAYLOAD_TOO_LARGE: 413,
  // Understood, and not offered here.
  NOT_SUPPORTED: 422,
  // A caller who may not.
  KEY_MISSING: 401,
  KEY_INVALID: 401,
  SCOPE_MISSING: 403,
  ITEM_FORBIDDEN: 403,
  RATE_LIMITED: 429,
  // A record whose content can't be used.
  UNKNOWN_FORMAT: 400,
  EMPTY_RECORD: 400,
  ITEM_ID_INVALID: 400,
  CHANNEL_INVALID: 400,
  TS_INVALID: 400,
  TS_IN_FUTURE: 400,
  VALUE_NOT_FINITE: 400,
  RECORD_TOO_LARGE: 413,
  MALFORMED_LINE: 400,
  MALFORMED_OTLP: 400,
  MALFORMED_AVRO: 400,
  SCHEMA_UNKNOWN: 400,
  SCHEMA_UNUSABLE: 400,
  // A forecast that can't be made.
  HORIZON_TOO_LONG: 400,
  TOO_MANY_SERIES: 400,
  FREQ_INVALID: 400,
  NO_OBSERVATIONS: 422,
  LEVELS_INVALID: 400,
  MODEL_NOT_FOUND: 404,
  CONTEXT_TOO_SHORT: 422,
  CHANNEL_NOT_IN_MODEL: 422,
  HIERARCHY_INVALID: 422,
  // A stored forecast that can't be made again.
  REPLAY_UNAVAILABLE: 422,
  // A query of PromQL that is one, and has no answer.
  QUERY_FAILED: 422,
  // A schedule that can't be kept.
  CRON_INVALID: 400,
  TIME_ZONE_INVALID: 400,
  JOB_NAME_TAKEN: 409,
  POLICY_NAME_TAKEN: 409,
  KEY_NAME_TAKEN: 409,
  RUN_IN_PROGRESS: 409,
  NOT_FOUND: 404,
  // The platform itself.
  MODEL_INVALID: 500,
  MODEL_FILE_CHANGED: 500,
  MODEL_FILE_BROKEN: 500,
  MODEL_SHAPE_WRONG: 500,
  MODEL_NOT_FINITE: 500,
  MODEL_GOLDEN_MISMATCH: 500,
  MODEL_TOO_SLOW: 504,
  MODEL_TOO_LARGE: 500,
  DEADLINE_EXCEEDED: 504,
  // Nobody reads the answer; a name for the log.
  CLIENT_LEFT: 499,
  INFERENCE_FAILED: 500,
  INTERNAL: 500,
  OVERLOADED: 429,
  LOG_UNAVAILABLE: 503,
  SCHEMA_REGISTRY_UNAVAILABLE: 503,
  DATABASE_UNAVAILABLE: 503,
  FORECASTER_UNAVAILABLE: 503,
  // At start-up and in the log's consumers.
  CONFIG_INVALID: 500,
  OFFSET_LOST: 500,
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

/**
 * An error with a code of the closed list. The message says what was wrong, where, and the remedy; `details` name the
 * series, the first bad timestamp and whatever a client may want to act on.
 */
export class PlatformError extends Error {
  override readonly name = 'PlatformError';

  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly details: Readonly<Record<string, unknown>> = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  /** HTTP status of the code. */
  get status(): number {
    return ERROR_CODES[this.code];
  }
}

/** Text of anything that was thrown, for messages. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
