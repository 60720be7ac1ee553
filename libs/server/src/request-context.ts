import { AsyncLocalStorage } from 'node:async_hooks';
import { PlatformError, childTraceparent, metrics, parseTraceparent, type Logger } from '@app/observability';
import type { FastifyInstance, FastifyRequest } from 'fastify';

/** What a request carries through everything that is done for it. */
export interface RequestContext {
  readonly traceparent: string;
  /** Aborts when the client hangs up before it is answered. */
  readonly signal: AbortSignal;
}

const storage = new AsyncLocalStorage<RequestContext>();
const contexts = new WeakMap<FastifyRequest, RequestContext>();
const departures = new WeakMap<FastifyRequest, AbortController>();
/** Asked every few seconds by machines; logging them would drown the rest. */
const QUIET = /^\/(health|metrics)/;

/** The trace of the request being served, to hand on to records, stored forecasts and other services. */
export function currentTraceparent(): string | undefined {
  return storage.getStore()?.traceparent;
}

/** Aborts, with CLIENT_LEFT, when the client of the request being served hangs up: nobody waits for the answer then. */
export function currentSignal(): AbortSignal | undefined {
  return storage.getStore()?.signal;
}

/** A logger whose lines carry the `trace_id` of the request being served. */
export function withTrace(logger: Logger): Logger {
  return logger.child(
    {},
    {
      formatters: {
        log: (fields) => {
          const context = storage.getStore();
          return context ? { trace_id: traceId(context), ...fields } : fields;
        },
      },
    },
  );
}

/** The context of a request, made when it is first asked for. */
export function contextOf(request: FastifyRequest): RequestContext {
  let context = contexts.get(request);
  if (!context) {
    const header = request.headers.traceparent;
    const leaving = new AbortController();
    departures.set(request, leaving);
    context = {
      traceparent: childTraceparent(parseTraceparent(Array.isArray(header) ? header[0] : header)),
      signal: leaving.signal,
    };
    contexts.set(request, context);
  }
  return context;
}

/** The trace's id, 32 hexadecimal digits. */
export function traceId(context: RequestContext): string {
  return context.traceparent.slice(3, 35);
}

/** Puts every request in its context, and measures and logs it when it has been answered. */
export function traceRequests(fastify: FastifyInstance, logger: Logger): void {
  // After the body was read: its events come from the socket and would leave an earlier context.
  fastify.addHook('preValidation', (request, reply, done) => {
    const context = contextOf(request);
    reply.raw.once('close', () => {
      if (!reply.raw.writableFinished) departures.get(request)?.abort(clientLeft());
    });
    storage.run(context, done);
  });
  fastify.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'unmatched';
    metrics.httpSeconds.observe({ method: request.method, route, status: reply.statusCode }, reply.elapsedTime / 1000);
    if (!QUIET.test(request.url)) {
      const line = { trace_id: traceId(contextOf(request)), method: request.method, url: request.url };
      logger.info({ ...line, status: reply.statusCode, ms: Math.round(reply.elapsedTime) }, 'request');
    }
    done();
  });
}

function clientLeft(): PlatformError {
  return new PlatformError('CLIENT_LEFT', 'the client hung up before it was answered');
}
