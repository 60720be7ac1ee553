import { HttpException } from '@nestjs/common';
import { ERROR_CODES, PlatformError, type ErrorCode } from '@app/observability';

/** An RFC 9457 problem; further members come from the error's details, in snake_case. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance: string;
  readonly code: ErrorCode;
  readonly [member: string]: unknown;
}

/** The problem that a client is told for anything that was thrown while it was served. */
export function problemOf(thrown: unknown, instance: string): Problem {
  const error = classify(thrown);
  const members = Object.entries(error.details).map(([key, value]) => [snakeCase(key), value] as const);
  return {
    ...Object.fromEntries(members),
    type: `urn:tidecast:problem:${error.code.toLowerCase().replaceAll('_', '-')}`,
    title: sentenceCase(error.code),
    status: thrown instanceof HttpException ? thrown.getStatus() : error.status,
    detail: error.message,
    instance,
    code: error.code,
  };
}

/** Codes of Node and PostgreSQL that mean: the server is away, going away, or full. */
const DATABASE_AWAY = /^(ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOTFOUND|08\w{3}|57P0[1-3]|53300)$/;
const DATABASE_AWAY_TEXT = /^(Connection terminated|timeout exceeded when trying to connect)/;
/** What PostgreSQL says when a statement ran into its time-out. */
const QUERY_CANCELED = '57014';
/** Texts that PostgreSQL can't hold, such as one with a NUL character. */
const UNSTORABLE = new Set(['22021', '22P05']);

function classify(thrown: unknown): PlatformError {
  if (thrown instanceof PlatformError) return thrown;
  if (thrown instanceof HttpException) return fromHttp(thrown);
  const code = databaseCode(thrown);
  if (UNSTORABLE.has(code)) return new PlatformError('INVALID_REQUEST', 'a text of the request can not be stored', {});
  if (code === QUERY_CANCELED) {
    const remedy = 'ask for a shorter stretch of time or fewer series';
    return new PlatformError('DEADLINE_EXCEEDED', `a query took longer than READ_TIMEOUT_SECONDS allows; ${remedy}`);
  }
  if (DATABASE_AWAY.test(code) || (thrown instanceof Error && DATABASE_AWAY_TEXT.test(thrown.message))) {
    return new PlatformError('DATABASE_UNAVAILABLE', 'the database does not answer; try again in a moment');
  }
  // Whatever else it was, its text may hold internals: the log has them.
  return new PlatformError('INTERNAL', 'something went wrong on our side; the log tells it under this trace_id');
}

const BY_STATUS: Readonly<Record<number, ErrorCode>> = {
  403: 'SCOPE_MISSING',
  404: 'NOT_FOUND',
  413: 'PAYLOAD_TOO_LARGE',
  415: 'UNSUPPORTED_MEDIA_TYPE',
  429: 'OVERLOADED',
};

function fromHttp(exception: HttpException): PlatformError {
  const status = exception.getStatus();
  const malformed = isMalformedJson(exception.cause);
  const code = malformed ? 'MALFORMED_JSON' : (BY_STATUS[status] ?? (status < 500 ? 'INVALID_REQUEST' : 'INTERNAL'));
  return new PlatformError(code, exception.message, {}, { cause: exception });
}

function isMalformedJson(cause: unknown): boolean {
  if (cause instanceof SyntaxError) return true;
  return /^FST_ERR_CTP_(INVALID_JSON|EMPTY_JSON)/.test(codeOf(cause));
}

function databaseCode(thrown: unknown): string {
  const driver = typeof thrown === 'object' && thrown !== null && 'driverError' in thrown ? thrown.driverError : thrown;
  return codeOf(driver);
}

function codeOf(value: unknown): string {
  return typeof value === 'object' && value !== null && 'code' in value && typeof value.code === 'string'
    ? value.code
    : '';
}

/** Whether the code is one that a client can't have caused, so that the log should have it whole. */
export function isOurFault(code: ErrorCode): boolean {
  return ERROR_CODES[code] >= 500;
}

function snakeCase(key: string): string {
  return key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function sentenceCase(code: string): string {
  return code[0] + code.slice(1).toLowerCase().replaceAll('_', ' ');
}
