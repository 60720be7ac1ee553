import { HttpException, type DynamicModule, type Type } from '@nestjs/common';
import { NestFactory, Reflector } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { AccessGuard, admitRequests, doorkeeper, type KeyVerifier } from '@app/access';
import type { Env } from '@app/config';
import type { Logger } from '@app/observability';
import { decodeBodies } from './content-encoding.js';
import { ErrorForms } from './error-forms.js';
import { jsonBody } from './json-body.js';
import { NestLogger } from './nest-logger.js';
import { serveOpenApi } from './openapi.js';
import { ProblemFilter, sendProblem } from './problem.filter.js';
import { traceRequests, withTrace } from './request-context.js';
import { ServerModule } from './server.module.js';
import { validationPipe } from './validation.js';

/** What differs between servers. */
export interface ServerOptions {
  readonly env: Pick<Env, 'API_KEYS' | 'MAX_BODY_BYTES'>;
  readonly logger: Logger;
  /** Who keys belong to; without it no key is known. */
  readonly keys?: KeyVerifier;
  /** Shown in OpenAPI. */
  readonly version?: string;
}

/** Where clients of other forecasting services look for what they know. */
const DIALECTS = ['v1/{*path}', 'v2', 'v2/{*path}', 'validate_api_key', 'model_params', 'usage'];
/** Paths that are not part of the API and have no `api/v1` before them. */
const UNPREFIXED = ['health/{*path}', 'metrics', 'internal/{*path}', ...DIALECTS];
/** An item id may stand in a path, percent-encoded. */
const LONGEST_PATH_PARAMETER = 2_048;
/** Bodies that handlers get as text and take apart themselves. */
const TEXT_BODIES = ['application/x-ndjson', 'application/ndjson', 'text/plain'];

/** The HTTP server that every role has, not yet listening. Errors at start-up are thrown, never end the process. */
export async function createServer(
  module: Type | DynamicModule,
  options: ServerOptions,
): Promise<NestFastifyApplication> {
  const logger = withTrace(options.logger);
  const forms = new ErrorForms();
  const adapter = new FastifyAdapter({
    bodyLimit: options.env.MAX_BODY_BYTES,
    routerOptions: { maxParamLength: LONGEST_PATH_PARAMETER, ignoreTrailingSlash: true },
    frameworkErrors: (error: FastifyError, request: FastifyRequest, reply: FastifyReply) =>
      sendProblem({ logger, forms }, new HttpException(error.message, error.statusCode ?? 400), request, reply),
  });
  const fastify = adapter.getInstance();
  traceRequests(fastify, logger);
  fastify.addHook('onRequest', (_request, reply, done) => {
    reply.headers(SECURITY_HEADERS);
    done();
  });
  admitRequests(fastify, doorkeeper(fastify, { keys: options.env.API_KEYS, verifier: options.keys }));
  decodeBodies(fastify, options.env.MAX_BODY_BYTES);
  for (const type of TEXT_BODIES) {
    fastify.addContentTypeParser(type, { parseAs: 'string' }, (_request, body, done) => done(null, body));
  }

  const root: DynamicModule = { module: RootModule, imports: [ServerModule.register(logger, forms), module] };
  const app = await NestFactory.create<NestFastifyApplication>(root, adapter, {
    logger: new NestLogger(logger),
    abortOnError: false,
  });
  app.useBodyParser('application/json', { bodyLimit: options.env.MAX_BODY_BYTES }, jsonBody(fastify));
  app.setGlobalPrefix('api/v1', { exclude: UNPREFIXED });
  app.useGlobalPipes(validationPipe());
  app.useGlobalFilters(new ProblemFilter(logger, forms));
  app.useGlobalGuards(new AccessGuard(app.get(Reflector)));
  serveOpenApi(app, options.version ?? '0.0.0');
  return app;
}

class RootModule {}

const SECURITY_HEADERS = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  // Swagger's page styles itself inline; nothing else needs more than its own origin.
  'content-security-policy': "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:",
};
