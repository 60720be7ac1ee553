import { ERROR_CODES, PlatformError, messageOf, type ErrorCode } from '@app/observability';
import { currentSignal } from '@app/server';

import type {
  ForecastClient,
  ForecastCommand,
  ForecastOutcome,
  HierarchyCommand,
  HierarchyOutcome,
  ModelCommand,
  ModelDescription,
  ReplayOutcome,
} from './forecast-client.js';

/** How long an asker waits. A full call on a slow machine takes seconds; more means that nobody is there. */
const FORECAST_TIMEOUT_MS = 60_000;
const MODELS_TIMEOUT_MS = 5_000;

/** Members of a problem that are about the answer rather than the error. */
const ENVELOPE = new Set(['type', 'title', 'status', 'detail', 'instance', 'code', 'trace_id']);

/** How the forecaster is asked. */
export interface HttpForecastClientOptions {
  readonly timeoutMs?: number;
  readonly credentials?: () => Promise<Record<string, string>>;
}

/** What a request has beside its credentials. */
type Asked = Pick<RequestInit, 'method' | 'body'> & { readonly headers?: Record<string, string> };

/** The port where the forecaster is another process: its internal HTTP API. */
export class HttpForecastClient implements ForecastClient {
  private readonly timeoutMs: number;
  private readonly credentials: () => Promise<Record<string, string>>;

  /**
   * @param url base of the forecaster, `http://forecaster:8080`.
   * @param options.credentials headers that show who asks; a forecaster on the same machine needs none.
   */
  constructor(
    private readonly url: string,
    { timeoutMs = FORECAST_TIMEOUT_MS, credentials = () => Promise.resolve({}) }: HttpForecastClientOptions = {},
  ) {
    this.timeoutMs = timeoutMs;
    this.credentials = credentials;
  }

  forecast(command: ForecastCommand): Promise<ForecastOutcome> {
    const headers: Record<string, string> = { 'content-type': 'application/json' };
    if (command.traceparent !== undefined) headers.traceparent = command.traceparent;
    return this.ask('internal/forecasts', this.timeoutMs, { method: 'POST', headers, body: JSON.stringify(command) });
  }

  replay(forecastId: string): Promise<ReplayOutcome> {
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify({ forecastId });
    return this.ask('internal/replays', this.timeoutMs, { method: 'POST', headers, body });
  }

  reconcile(command: HierarchyCommand): Promise<HierarchyOutcome> {
    const headers = { 'content-type': 'application/json' };
    return this.ask('internal/hierarchies', this.timeoutMs, { method: 'POST', headers, body: JSON.stringify(command) });
  }

  models(): Promise<ModelDescription[]> {
    return this.ask('internal/models', Math.min(this.timeoutMs, MODELS_TIMEOUT_MS), {});
  }

  manageModels(command: ModelCommand): Promise<ModelDescription[]> {
    const headers = { 'content-type': 'application/json' };
    return this.ask('internal/models', this.timeoutMs, { method: 'POST', headers, body: JSON.stringify(command) });
  }

  private async ask<T>(path: string, timeoutMs: number, init: Asked): Promise<T> {
    const timeout = AbortSignal.timeout(timeoutMs);
    // Whoever asked us may leave: then nobody needs the forecast over there either.
    const leaving = currentSignal();
    const signal = leaving ? AbortSignal.any([timeout, leaving]) : timeout;
    const headers = { ...init.headers, ...(await this.credentials()) };
    let response: Response;
    let text: string;
    try {
      response = await fetch(new URL(path, `${this.url.replace(/\/+$/, '')}/`), { ...init, headers, signal });
      text = await response.text();
    } catch (error) {
      leaving?.throwIfAborted();
      throw this.unavailable(timeout.aborted ? 'it does not answer in time' : reasonOf(error), error);
    }
    const answer = parseJson(text);
    if (response.ok && answer !== undefined) return answer as T;
    // It is not the key of who asked us that was refused.
    if (response.status === 401) throw this.unavailable('it does not know our key: give both the same database');
    throw problemError(answer) ?? this.unavailable(`it answered HTTP ${response.status}`);
  }

  private unavailable(reason: string, cause?: unknown): PlatformError {
    const message = `the forecaster at ${this.url} can't be asked: ${reason}; try again in a moment`;
    return new PlatformError('FORECASTER_UNAVAILABLE', message, {}, { cause });
  }
}

/** The error that the forecaster described as a problem (RFC 9457), or undefined where it is none of ours. */
function problemError(problem: unknown): PlatformError | undefined {
  if (typeof problem !== 'object' || problem === null || !('code' in problem)) return undefined;
  const { code } = problem;
  if (typeof code !== 'string' || !isErrorCode(code)) return undefined;
  const detail = 'detail' in problem ? String(problem.detail) : code;
  // Names come in snake_case and would leave in it again: one error, whichever way it was asked for.
  const members = Object.entries(problem).filter(([key]) => !ENVELOPE.has(key));
  return new PlatformError(code, detail, Object.fromEntries(members.map(([key, value]) => [camelCase(key), value])));
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_CODES, code);
}

function camelCase(key: string): string {
  return key.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

// fetch says "fetch failed"; what failed is in its cause.
function reasonOf(error: unknown): string {
  return messageOf(error instanceof Error && error.cause !== undefined ? error.cause : error);
}
