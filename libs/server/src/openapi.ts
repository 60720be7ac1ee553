import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { applyDecorators } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { ApiResponse, DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { PUBLIC_ROUTE } from '@app/access';
import { ERROR_CODES, type ErrorCode } from '@app/observability';

const PROBLEM_SCHEMA = {
  type: 'object',
  required: ['type', 'title', 'status', 'detail', 'instance', 'code'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    instance: { type: 'string' },
    code: { type: 'string', enum: Object.keys(ERROR_CODES) },
  },
};

/** Documents the codes that an operation can fail with, by status. */
export function ApiProblems(...codes: readonly ErrorCode[]): MethodDecorator {
  const statuses = [...new Set(codes.map((code) => ERROR_CODES[code]))];
  return applyDecorators(
    ...statuses.map((status) =>
      ApiResponse({
        status,
        description: codes.filter((code) => ERROR_CODES[code] === status).join(', '),
        content: { 'application/problem+json': { schema: PROBLEM_SCHEMA } },
      }),
    ),
  );
}

/** Files of swagger-ui-dist that the page loads. */
const ASSETS: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
};
const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Tidecast API</title>
    <link rel="stylesheet" href="/docs/swagger-ui.css">
  </head>
  <body>
    <div id="swagger-ui"></div>
    <script src="/docs/swagger-ui-bundle.js"></script>
    <script src="/docs/init.js"></script>
  </body>
</html>
`;
const INIT = `SwaggerUIBundle({ url: '/docs/openapi.json', dom_id: '#swagger-ui', deepLinking: true });\n`;

/** The API's page at `/docs` and the document itself at `/docs/openapi.json`, made when first asked for. */
export function serveOpenApi(app: NestFastifyApplication, version: string): void {
  let document: OpenAPIObject | undefined;
  const fastify = app.getHttpAdapter().getInstance();
  fastify.get('/docs', PUBLIC_ROUTE, (_request, reply) => reply.type('text/html; charset=utf-8').send(PAGE));
  fastify.get('/docs/init.js', PUBLIC_ROUTE, (_request, reply) =>
    reply.type('text/javascript; charset=utf-8').send(INIT),
  );
  fastify.get('/docs/openapi.json', PUBLIC_ROUTE, (_request, reply) =>
    reply.send((document ??= createDocument(app, version))),
  );
  for (const [name, type] of Object.entries(ASSETS)) {
    fastify.get(`/docs/${name}`, PUBLIC_ROUTE, async (_request, reply) => {
      const body = await readFile(join(assetFolder(), name));
      return reply.type(type).header('cache-control', 'public, max-age=86400').send(body);
    });
  }
}

function createDocument(app: NestFastifyApplication, version: string): OpenAPIObject {
  const config = new DocumentBuilder()
    .setTitle('Tidecast')
    .setDescription(
      'Forecasts with honest intervals for the streams in your Kafka cluster. Errors are RFC 9457 problems.',
    )
    .setVersion(version)
    .addBearerAuth({ type: 'http', description: 'A key of this installation; none is needed on the machine itself.' })
    .addApiKey({ type: 'apiKey', in: 'header', name: 'X-API-Key' }, 'api_key')
    .addBasicAuth({ type: 'http', description: 'The key as password, with any user name.' })
    .addSecurityRequirements('bearer')
    .addSecurityRequirements('api_key')
    .addSecurityRequirements('basic')
    .addGlobalResponse(...REFUSALS)
    .build();
  return SwaggerModule.createDocument(app, config);
}

/** What every operation may answer before it has begun. */
const REFUSALS = ([401, 403, 429] as const).map((status) => ({
  status,
  description: { 401: 'KEY_MISSING, KEY_INVALID', 403: 'SCOPE_MISSING', 429: 'RATE_LIMITED' }[status],
  content: { 'application/problem+json': { schema: PROBLEM_SCHEMA } },
}));

function assetFolder(): string {
  const swagger = createRequire(import.meta.url).resolve('@nestjs/swagger');
  return dirname(createRequire(swagger).resolve('swagger-ui-dist/package.json'));
}
