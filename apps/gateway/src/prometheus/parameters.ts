import { PlatformError } from '@app/observability';
import { parseDuration } from '@app/promql';
import type { FastifyRequest } from 'fastify';
import { DateTime } from 'luxon';

/** Beyond these neither JavaScript nor PostgreSQL has dates. */
const FARTHEST_MS = 8.64e15;
const RFC3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;

/** Parameters of a request of Prometheus' API: those of its form, then those of its URL. */
export class Parameters {
  readonly #all: ReadonlyMap<string, readonly string[]>;

  constructor(request: Pick<FastifyRequest, 'query' | 'body'>) {
    const all = new Map<string, string[]>();
    for (const source of [request.body, request.query]) {
      if (typeof source !== 'object' || source === null) continue;
      for (const [name, value] of Object.entries(source)) {
        const texts = [value].flat().filter((text) => typeof text === 'string');
        all.set(name, [...(all.get(name) ?? []), ...texts]);
      }
    }
    this.#all = all;
  }

  /** The first value; undefined where it is missing or empty. */
  text(name: string): string | undefined {
    return this.#all.get(name)?.[0] || undefined;
  }

  all(name: string): readonly string[] {
    return this.#all.get(name) ?? [];
  }

  /** A time in epoch milliseconds, given as seconds or as RFC 3339. */
  time(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const ms = RFC3339.test(text) ? DateTime.fromISO(text).toMillis() : Math.round(number(text) * 1000);
    if (Math.abs(ms) <= FARTHEST_MS) return ms;
    throw invalid(name, `cannot parse ${JSON.stringify(text)} to a valid timestamp`);
  }

  /** A duration in milliseconds, given as seconds or as `1h30m`. */
  duration(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const ms = Number.isNaN(number(text)) ? parseDuration(text) : Math.round(number(text) * 1000);
    if (ms !== undefined && Math.abs(ms) <= FARTHEST_MS) return ms;
    throw invalid(name, `cannot parse ${JSON.stringify(text)} to a valid duration`);
  }

  /** A whole number of 0 or more. */
  count(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    if (/^\d{1,9}$/.test(text)) return Number(text);
    throw invalid(name, `${JSON.stringify(text)} is no whole number`);
  }
}

/** The error for a parameter, in the words of Prometheus. */
export function invalid(name: string, message: string): PlatformError {
  return new PlatformError('INVALID_REQUEST', `invalid parameter ${JSON.stringify(name)}: ${message}`);
}

/** NaN for what is no decimal number. */
function number(text: string): number {
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
}
