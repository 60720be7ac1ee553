import helmet from '@fastify/helmet';
import { HttpException, type DynamicModule, type Type } from '@nestjs/common';
import { NestFactory, Reflector } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { AccessGuard } from '@app/access';
import type { Env } from '@app/config';
import type { Logger } from '@app/observability';
import { decodeBodies } from './content-encoding.js';
import { guardDoor } from './door.js';
import { ErrorForms } from './error-forms.js';
import { jsonBody } from './json-body.js';
import { NestLogger } from './nest-logger.js';
import { serveOpenApi } from './openapi.js';
import { ProblemFilter, sendProblem } from './problem.filter.js';
import { traceRequests, withTrace } from './request-context.js';
import { SECURITY_HEADERS } from './security-headers.js';
import { ServerModule } from './server.module.js';
import { validationPipe } from './validation.js';

/** What differs between servers. */
export interface ServerOptions {
  readonly env: Pick<Env, 'API_KEYS' | 'CORS_ORIGINS' | 'MAX_BODY_BYTES' | 'RATE_LIMIT_PER_MINUTE'>;
  readonly logger: Logger;
  /** Shown in OpenAPI. */
  readonly version?: string;
}

/** Where clients of Prometheus and of other forecasting services look for what they know. */
const DIALECTS = ['prometheus/{*path}', 'v1/{*path}', 'v2', 'v2/{*path}', 'validate_api_key', 'model_params', 'usage'];
/** Paths that are not part of the API and have no `api/v1` before them. */
const UNPREFIXED = ['health/{*path}', 'metrics', 'internal/{*path}', ...DIALECTS];
/** An item id may stand in a path, percent-encoded. */
const LONGEST_PATH_PARAMETER = 2_048;
/** A request that has not come whole by then is given up: Fastify alone would wait for ever. */
const REQUEST_TIMEOUT_MS = 120_000;
/** Bodies that handlers get as text and take apart themselves. */
const TEXT_BODIES = ['application/x-ndjson', 'application/ndjson', 'text/plain'];
/** The same for bytes. */
const BINARY_BODIES = ['application/x-protobuf', 'application/octet-stream'];

/** The HTTP server that every role has, not yet listening. Errors at start-up are thrown, never end the process. */
export async function createServer(
  module: Type | DynamicModule,
  options: ServerOptions,
): Promise<NestFastifyApplication> {
  const logger = withTrace(options.logger);
  const forms = new ErrorForms();
  const adapter = new FastifyAdapter({
    bodyLimit: options.env.MAX_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    routerOptions: { maxParamLength: LONGEST_PATH_PARAMETER, ignoreTrailingSlash: true },
    frameworkErrors: (error: FastifyError, request: FastifyRequest, reply: FastifyReply) =>
      sendProblem({ logger, forms }, new HttpException(error.message, error.statusCode ?? 400), request, reply),
  });
  const fastify = adapter.getInstance();
  traceRequests(fastify, logger);
  await fastify.register(helmet, SECURITY_HEADERS);
  decodeBodies(fastify, options.env.MAX_BODY_BYTES);
  for (const type of TEXT_BODIES) {
    fastify.addContentTypeParser(type, { parseAs: 'string' }, (_request, body, done) => done(null, body));
  }
  for (const type of BINARY_BODIES) {
    fastify.addContentTypeParser(type, { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  }

  const root: DynamicModule = { module: RootModule, imports: [ServerModule.register(logger, forms), module] };
  const app = await NestFactory.create<NestFastifyApplication>(root, adapter, {
    logger: new NestLogger(logger),
    abortOnError: false,
  });
  if (options.env.CORS_ORIGINS) app.enableCors(corsFor(options.env.CORS_ORIGINS));
  await guardDoor(app, options.env);
  app.useBodyParser('application/json', { bodyLimit: options.env.MAX_BODY_BYTES }, jsonBody(fastify));
  app.setGlobalPrefix('api/v1', { exclude: UNPREFIXED });
  app.useGlobalPipes(validationPipe());
  app.useGlobalFilters(new ProblemFilter(logger, forms));
  app.useGlobalGuards(new AccessGuard(app.get(Reflector)));
  serveOpenApi(app, options.version ?? '0.0.0');
  return app;
}

class RootModule {}

/** Pages of these origins may ask, with a key of their own: the browser sends nothing of itself along. */
function corsFor(origins: readonly string[]): Parameters<NestFastifyApplication['enableCors']>[0] {
  return {
    origin: [...origins],
    methods: ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE'],
    exposedHeaders: ['retry-after'],
    credentials: false,
    maxAge: 600,
  };
}
