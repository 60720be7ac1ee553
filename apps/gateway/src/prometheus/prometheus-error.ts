import { PlatformError, type ErrorCode } from '@app/observability';
import { PromqlError } from '@app/promql';
import type { Problem } from '@app/server';

/** An error as Prometheus' API tells it. */
export interface PrometheusError {
  readonly status: 'error';
  readonly errorType: string;
  readonly error: string;
}

const CODES: Readonly<Record<PromqlError['kind'], ErrorCode>> = {
  bad_data: 'INVALID_REQUEST',
  execution: 'QUERY_FAILED',
  timeout: 'DEADLINE_EXCEEDED',
};

/** Error types of Prometheus, by ours; what is missing goes by its status. */
const TYPES: Readonly<Partial<Record<ErrorCode, string>>> = {
  QUERY_FAILED: 'execution',
  DEADLINE_EXCEEDED: 'timeout',
  CLIENT_LEFT: 'canceled',
  NOT_FOUND: 'not_found',
  DATABASE_UNAVAILABLE: 'unavailable',
  LOG_UNAVAILABLE: 'unavailable',
};

/** Whether errors of a path are told as Prometheus does. */
export function isPrometheusPath(path: string): boolean {
  return path === '/prometheus' || path.startsWith('/prometheus/');
}

/** A problem in the form of Prometheus' API. */
export function prometheusError({ status, code, detail }: Problem): { status: number; body: PrometheusError } {
  const errorType = TYPES[code] ?? (status >= 500 ? 'internal' : 'bad_data');
  // A query that took too long is unavailable there, not a gateway's time-out.
  return { status: code === 'DEADLINE_EXCEEDED' ? 503 : status, body: { status: 'error', errorType, error: detail } };
}

/** Runs a query; what is wrong with it is thrown as an error of the platform. */
export async function withPlatformErrors<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof PromqlError)) throw error;
    throw new PlatformError(CODES[error.kind], error.message, {}, { cause: error });
  }
}

/** Parses with the name of the parameter in the error, as Prometheus tells it. */
export function parsed<T>(parameter: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof PromqlError)) throw error;
    throw new PromqlError(error.kind, `invalid parameter ${JSON.stringify(parameter)}: ${error.message}`);
  }
}
