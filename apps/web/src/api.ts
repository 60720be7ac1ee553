import { keyStore } from './key.js';

/** A problem that the API answered with (RFC 9457), or that kept the API from answering. */
export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly code: string,
  ) {
    super(message);
  }
}

export interface Series {
  readonly item_id: string;
  readonly channel: string;
  readonly freq: string | null;
  readonly season: number | null;
  readonly time_zone: string;
  readonly unit: string | null;
  readonly labels: Record<string, string>;
  readonly last_ts: string | null;
}
export interface Point {
  readonly ts: string;
  readonly value: number;
}
export interface Observations {
  readonly observations: Point[];
  readonly thinned?: { readonly points: number; readonly stretch_seconds: number };
}
export interface Forecast {
  readonly forecast_id: string | null;
  readonly item_id: string;
  readonly channel: string;
  readonly model: string;
  readonly provider: string;
  readonly status: string;
  readonly issued_at: string;
  readonly cutoff: string;
  readonly freq: string;
  readonly ts: string[];
  readonly mean: number[];
  readonly quantiles: Record<string, number[]>;
  readonly parts?: Record<string, unknown>;
}
export interface Anomaly {
  readonly anomaly_id: string;
  readonly item_id: string;
  readonly channel: string | null;
  readonly ts: string;
  readonly value: number | null;
  readonly expected: number | null;
  readonly score: number;
  readonly severity: number;
  readonly confidence: number;
  readonly alert: boolean;
  readonly suppressed_by: string | null;
  readonly explanation: Record<string, unknown>;
  readonly label: 'true-positive' | 'false-positive' | null;
}
export interface Score {
  readonly channel: string;
  readonly model: string;
  readonly lead_bucket: number | null;
  readonly points: number;
  readonly wql: number | null;
  readonly mase: number | null;
  readonly mae: number;
  readonly coverage_80: number;
  readonly coverage_95: number;
}
export interface Scorecard {
  readonly from: string;
  readonly to: string;
  readonly scores: Score[];
  readonly champions: { channel: string; champion: string; replaced: string; reason: string; decided_at: string }[];
}
export interface Job {
  readonly job_id: string;
  readonly name: string;
  readonly cron: string;
  readonly time_zone: string;
  readonly selector: { item_ids?: string[]; labels?: Record<string, string> };
  readonly horizon: number;
  readonly model: string;
  readonly enabled: boolean;
  readonly next_run_at: string;
}
export interface Run {
  readonly run_id: string;
  readonly status: 'running' | 'succeeded' | 'partly-failed' | 'failed' | 'skipped';
  readonly series_total: number;
  readonly series_done: number;
  readonly series_failed: number;
  readonly failures: { item_id: string; channel: string | null; code: string; message: string }[];
  readonly started_at: string;
  readonly duration_ms: number | null;
}
export interface Model {
  readonly name: string;
  readonly family: string;
  readonly kind: 'neural' | 'baseline';
  readonly state: 'ready' | 'unloaded' | 'refused';
  readonly code?: string;
  readonly reason?: string;
  readonly refused_update?: { code: string; reason: string };
  readonly provider?: string;
  readonly provider_fallback?: string;
  readonly version?: string;
  readonly context_length?: number;
  readonly prediction_length?: number;
  readonly channel_policy?: string;
  readonly min_context?: number;
  readonly memory_bytes?: number;
  readonly licence?: string;
  readonly parameters?: number;
  readonly metrics?: Record<string, unknown>;
}
export interface StreamHealth {
  readonly log: string;
  readonly streams: {
    group: string;
    topic: string;
    lag: number;
    partitions: { partition: number; next_offset: number; end_offset: number; lag: number; moved_at: string | null }[];
  }[];
  readonly dead_letters: { count: number; newest_at: string | null };
  readonly outbox: { waiting: number; oldest_at: string | null };
}
export interface DeadLetter {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly code: string;
  readonly message: string;
  readonly key: string | null;
  readonly value: string | null;
  readonly encoding: 'utf8' | 'base64';
  readonly value_bytes: number;
  readonly occurred_at: string;
}

type Query = Record<string, string | number | undefined>;

/** `GET /api/v1…`. @throws ApiError. */
export function get<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  const entries = Object.entries(query).filter((entry): entry is [string, string | number] => entry[1] !== undefined);
  const text = new URLSearchParams(entries.map(([key, value]) => [key, String(value)])).toString();
  return call<T>('GET', text === '' ? path : `${path}?${text}`, undefined, signal);
}

/** Any other method. @throws ApiError. */
export function send<T>(method: 'POST' | 'PATCH' | 'DELETE', path: string, body?: unknown): Promise<T> {
  return call<T>(method, path, body);
}

/** The path of a series below `/api/v1`. */
export function seriesPath(itemId: string, channel: string): string {
  return `/series/${encodeURIComponent(itemId)}/${encodeURIComponent(channel)}`;
}

/** A request to the API with the key that was entered, if any. @throws ApiError where it is refused or does not answer. */
export async function request(path: string, init: RequestInit = {}): Promise<Response> {
  const key = keyStore.get();
  const headers = new Headers(init.headers);
  if (key) headers.set('authorization', `Bearer ${key}`);
  const response = await fetch(`/api/v1${path}`, { ...init, headers }).catch((error: unknown) => {
    if (init.signal?.aborted) throw error;
    throw new ApiError('Tidecast does not answer. Is it running?', 0, 'NO_ANSWER');
  });
  if (response.ok) return response;
  if (response.status === 401) keyStore.ask();
  throw await errorOf(response);
}

async function call<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const response = await request(path, {
    method,
    ...(signal ? { signal } : {}),
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  return (response.status === 204 ? undefined : await response.json()) as T;
}

async function errorOf(response: Response): Promise<ApiError> {
  const problem = (await response.json().catch(() => ({}))) as { detail?: string; code?: string };
  return new ApiError(problem.detail ?? `the answer was ${response.status}`, response.status, problem.code ?? '');
}
