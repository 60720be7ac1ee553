import { ERROR_CODES } from '@app/observability';
import type { Problem } from '@app/server';
import type { ForecastFailure } from '../../../../forecaster/src/forecast-client.js';
import { pathErrors } from '../api-error.js';
import type { KServeError } from './kserve.schema.js';

/** Whether errors of a path are told as KServe's time-series API does. */
export function isKServePath(path: string): boolean {
  return path === '/v1/timeseries' || path.startsWith('/v1/timeseries/');
}

/** A problem in KServe's form: the code is the HTTP status as text, `param` the path that is wrong. */
export function kserveError(problem: Problem): { body: { error: KServeError } } {
  const { status, code, detail } = problem;
  return { body: { error: errorOf(status, code, detail, pathErrors(problem)[0]?.path ?? '') } };
}

/** The error of one output beside others that are good. */
export function outputError({ itemId, code, message }: ForecastFailure): KServeError {
  return errorOf(ERROR_CODES[code], code, message, itemId);
}

function errorOf(status: number, code: string, message: string, param: string): KServeError {
  return { code: String(status), message, param, type: code };
}
