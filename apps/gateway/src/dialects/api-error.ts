import { PlatformError, type ErrorCode } from '@app/observability';
import type { Problem } from '@app/server';

/** What a schema found wrong, as problems carry it. */
interface PathError {
  /** `series.y[3]`. */
  readonly path: string;
  readonly message: string;
}

/** The wrong paths of a request's body that a problem names; none where it is about something else. */
export function pathErrors(problem: Problem): readonly PathError[] {
  return Array.isArray(problem['errors']) ? (problem['errors'] as PathError[]) : [];
}

/**
 * A problem as services made with FastAPI tell theirs: `{detail}`, and for a body that does not fit the schema 422 with a list
 * of what is wrong where.
 */
export function fastApiError(problem: Problem): { status?: number; body: unknown } {
  const errors = pathErrors(problem);
  if (errors.length === 0) return { body: { detail: problem.detail, code: problem.code } };
  const detail = errors.map(({ path, message }) => ({
    type: 'value_error',
    loc: ['body', ...pathKeys(path)],
    msg: message,
  }));
  return { status: 422, body: { detail, code: problem.code } };
}

function pathKeys(path: string): (string | number)[] {
  return [...path.matchAll(/\[(\d+)\]|([^.[\]]+)/g)].map(([, index, key]) =>
    index === undefined ? key! : Number(index),
  );
}

/** The error for what is understood and not offered: says what, and what to do instead. */
export function notSupported(message: string): PlatformError {
  return new PlatformError('NOT_SUPPORTED', message);
}

/** The error for a request that can't be used as a whole. */
export function invalid(message: string, code: ErrorCode = 'INVALID_REQUEST'): PlatformError {
  return new PlatformError(code, message);
}
