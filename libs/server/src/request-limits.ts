import rateLimit from '@fastify/rate-limit';
import type { Access } from '@app/access';
import { PlatformError } from '@app/observability';
import type { FastifyInstance, FastifyRequest } from 'fastify';

const WINDOW_MS = 60_000;
/** Nobody mistypes a key more often than this in a minute. */
const MOST_REFUSALS = 60;
/** Callers that are counted at the same time; beyond these the one that came first is forgotten. */
const MOST_CALLERS = 10_000;

/** Counts requests, in this process. */
export interface RequestLimits {
  /** Counts one that may come in. @throws PlatformError RATE_LIMITED when its key, or its address without one, has had its share. */
  admitted(request: FastifyRequest, access: Access): Promise<void>;
  /** Counts one that may not. @throws PlatformError RATE_LIMITED when its address has tried too often. */
  refused(request: FastifyRequest): Promise<void>;
}

/** @param perMinute requests of one key, or of one address without one; 0 for any number. */
export async function limitRequests(fastify: FastifyInstance, perMinute: number): Promise<RequestLimits> {
  await fastify.register(rateLimit, { global: false, cache: MOST_CALLERS });
  const callers = new WeakMap<FastifyRequest, string>();
  const counted = fastify.createRateLimit({
    max: perMinute,
    timeWindow: WINDOW_MS,
    keyGenerator: (request) => callers.get(request) ?? request.ip,
  });
  const refusals = fastify.createRateLimit({ max: MOST_REFUSALS, timeWindow: WINDOW_MS });
  return {
    async admitted(request, { caller }) {
      if (perMinute === 0 || caller.kind === 'role' || caller.name === 'local') return;
      callers.set(request, caller.keyId ?? caller.address);
      const limit = await counted(request);
      if (limit.isAllowed || !limit.isExceeded) return;
      const who = caller.keyId ? `the key "${caller.name}"` : caller.address;
      throw tooMany(`${who} has sent ${perMinute} requests in a minute (RATE_LIMIT_PER_MINUTE)`, limit.ttlInSeconds);
    },
    async refused(request) {
      const limit = await refusals(request);
      if (limit.isAllowed || !limit.isExceeded) return;
      throw tooMany(
        `${request.ip} has sent ${MOST_REFUSALS} requests in a minute without a key that works`,
        limit.ttlInSeconds,
      );
    },
  };
}

function tooMany(what: string, seconds: number): PlatformError {
  const retryAfterSeconds = Math.max(1, seconds);
  return new PlatformError('RATE_LIMITED', `${what}; try again in ${retryAfterSeconds} s`, { retryAfterSeconds });
}
