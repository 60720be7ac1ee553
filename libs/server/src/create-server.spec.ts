import { Body, Controller, Get, Inject, Module, Param, Post, Query } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { loadEnv } from '@app/config';
import { LOGGER, PlatformError, type Logger } from '@app/observability';
import { pino } from 'pino';
import { z } from 'zod';
import { createServer, currentTraceparent, ReadinessProbes } from './index.js';

const widget = z.object({ name: z.string().min(1), parts: z.array(z.object({ size: z.number().int() })) });
const page = z.object({ limit: z.coerce.number().int().max(100).default(10), item_id: z.string() });
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';

@Controller('widgets')
class WidgetController {
  constructor(@Inject(LOGGER) private readonly logger: Logger) {}

  @Post()
  create(@Body({ schema: widget }) body: z.infer<typeof widget>): unknown {
    this.logger.info('made a widget');
    return { made: body, traceparent: currentTraceparent() };
  }

  @Get()
  list(@Query({ schema: page }) query: z.infer<typeof page>): unknown {
    return query;
  }

  @Post('strict')
  refuse(@Body({ schema: z.strictObject({}) }) body: unknown): unknown {
    return body;
  }

  @Post('lines')
  lines(@Body() body: unknown): unknown {
    return { body };
  }

  @Get(':item_id')
  find(@Param('item_id') itemId: string): unknown {
    if (itemId === 'gone') throw new PlatformError('NOT_FOUND', 'no widget "gone"', { itemId });
    if (itemId === 'busy') throw new PlatformError('OVERLOADED', 'queue is full', { retryAfterSeconds: 7 });
    if (itemId === 'away') throw Object.assign(new Error('connect ECONNREFUSED 10.0.0.7'), { code: 'ECONNREFUSED' });
    if (itemId === 'broken') throw new Error('password is hunter2');
    return { itemId };
  }
}

@Module({ controllers: [WidgetController] })
class WidgetModule {}

async function json(response: Response): Promise<Record<string, unknown>> {
  return (await response.json()) as Record<string, unknown>;
}

describe('createServer', () => {
  const lines: Record<string, unknown>[] = [];
  let app: NestFastifyApplication;
  let url: string;

  beforeAll(async () => {
    const logger = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
    app = await createServer(WidgetModule, {
      env: { ...loadEnv({}), MAX_BODY_BYTES: 1_000 },
      logger,
      version: '1.2.3',
    });
    await app.listen(0, '127.0.0.1');
    url = await app.getUrl();
  });
  afterAll(() => app.close());
  beforeEach(() => void lines.splice(0));

  const get = (path: string) => fetch(url + path);
  const post = (path: string, body: string, headers: Record<string, string> = {}) =>
    fetch(url + path, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } });

  it('hands on the parsed value', async () => {
    const response = await post('/api/v1/widgets', JSON.stringify({ name: 'w', parts: [], extra: 1 }));

    expect(response.status).toBe(201);
    expect(await json(response)).toMatchObject({ made: { name: 'w', parts: [] } });
    expect(await json(await get('/api/v1/widgets?item_id=a'))).toEqual({ limit: 10, item_id: 'a' });
  });

  it('lists every wrong path of a body as a problem', async () => {
    const response = await post('/api/v1/widgets', JSON.stringify({ name: '', parts: [{ size: 1 }, { size: 'x' }] }));

    expect(response.status).toBe(400);
    expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(await json(response)).toMatchObject({
      type: 'urn:tidecast:problem:invalid-request',
      title: 'Invalid request',
      status: 400,
      code: 'INVALID_REQUEST',
      instance: '/api/v1/widgets',
      errors: [{ path: 'name' }, { path: 'parts[1].size' }],
    });
  });

  it.each([
    ['malformed JSON', () => post('/api/v1/widgets', '{"a":'), 400, 'MALFORMED_JSON'],
    [
      'JSON nested beyond reason',
      () => post('/api/v1/widgets', `${'['.repeat(65)}1${']'.repeat(65)}`),
      400,
      'MALFORMED_JSON',
    ],
    ['an empty body', () => post('/api/v1/widgets', ''), 400, 'MALFORMED_JSON'],
    ['too large a body', () => post('/api/v1/widgets', `"${'x'.repeat(2_000)}"`), 413, 'PAYLOAD_TOO_LARGE'],
    [
      'an unknown content type',
      () => post('/api/v1/widgets', 'x', { 'content-type': 'image/png' }),
      415,
      'UNSUPPORTED_MEDIA_TYPE',
    ],
    ['an unknown route', () => get('/api/v1/nowhere'), 404, 'NOT_FOUND'],
    ['a broken percent-encoding', () => get('/api/v1/widgets/%zz'), 400, 'INVALID_REQUEST'],
    ['a wrong query', () => get('/api/v1/widgets?limit=1000'), 400, 'INVALID_REQUEST'],
    ['an absent database', () => get('/api/v1/widgets/away'), 503, 'DATABASE_UNAVAILABLE'],
  ])('answers %s with a problem', async (_name, call, status, code) => {
    const response = await call();

    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(await json(response)).toMatchObject({ status, code });
  });

  it('puts details into the problem in snake_case, and waits into Retry-After', async () => {
    expect(await json(await get('/api/v1/widgets/gone'))).toMatchObject({
      item_id: 'gone',
      detail: 'no widget "gone"',
    });
    expect((await get('/api/v1/widgets/busy')).headers.get('retry-after')).toBe('7');
  });

  it('keeps internals to the log, found by the trace id', async () => {
    const problem = await json(await get('/api/v1/widgets/broken'));

    expect(problem).toMatchObject({ status: 500, code: 'INTERNAL' });
    expect(JSON.stringify(problem)).not.toContain('hunter2');
    expect(lines.find(({ trace_id, err }) => err && trace_id === problem['trace_id'])).toMatchObject({
      err: { message: 'password is hunter2' },
    });
  });

  it('carries the trace of the caller through handlers and log lines', async () => {
    const traceparent = `00-${TRACE}-00f067aa0ba902b7-01`;
    const answer = await json(await post('/api/v1/widgets', '{"name":"w","parts":[]}', { traceparent }));

    expect(answer['traceparent']).toMatch(new RegExp(`^00-${TRACE}-`));
    expect(answer['traceparent']).not.toBe(traceparent);
    expect(lines.find(({ msg }) => msg === 'made a widget')).toMatchObject({ trace_id: TRACE });
  });

  it('counts brackets of texts for nothing, and names many unknown things briefly', async () => {
    expect((await post('/api/v1/widgets', JSON.stringify({ name: `"${'[{'.repeat(99)}`, parts: [] }))).status).toBe(
      201,
    );

    const unknown = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`unknown-number-${n}`, 1]));
    const response = await post('/api/v1/widgets/strict', JSON.stringify(unknown));
    expect(response.status).toBe(400);
    expect(String((await json(response))['detail']).length).toBeLessThan(600);
  });

  it('takes NDJSON and plain text as text', async () => {
    const answer = await post('/api/v1/widgets/lines', '{"a":1}\n{"a":2}', { 'content-type': 'application/x-ndjson' });

    expect(await json(answer)).toEqual({ body: '{"a":1}\n{"a":2}' });
  });

  it('takes long item ids in a path', async () => {
    const id = 'x'.repeat(600);

    expect(await json(await get(`/api/v1/widgets/${id}`))).toEqual({ itemId: id });
  });

  it('is ready when all probes are, and says which one is not', async () => {
    expect(await json(await get('/health/live'))).toEqual({ status: 'live' });
    expect((await get('/health/ready')).status).toBe(200);

    app.get(ReadinessProbes).add('model', () => Promise.reject(new Error('no model yet')));
    const response = await get('/health/ready');

    expect(response.status).toBe(503);
    expect(await json(response)).toEqual({
      status: 'not-ready',
      checks: { model: { ok: false, message: 'no model yet' } },
    });
  });

  it('serves metrics and the documentation of the same schemas', async () => {
    expect(await (await get('/metrics')).text()).toContain('tidecast_http_request_seconds_count');
    for (const path of ['/docs', '/docs/init.js', '/docs/swagger-ui.css', '/docs/swagger-ui-bundle.js']) {
      expect((await get(path)).status).toBe(200);
    }
    const document = (await (await get('/docs/openapi.json')).json()) as {
      info: { version: string };
      security: unknown;
      paths: Record<
        string,
        Record<string, { parameters: { name: string; required: boolean }[]; requestBody?: unknown; responses: object }>
      >;
    };
    expect(document.info.version).toBe('1.2.3');
    expect(document.security).toEqual([{ bearer: [] }, { api_key: [] }, { basic: [] }]);
    expect(Object.keys(document.paths['/api/v1/widgets']?.['get']?.responses ?? {})).toEqual(
      expect.arrayContaining(['401', '403', '429']),
    );
    expect(document.paths['/api/v1/widgets']?.['get']?.parameters).toMatchObject([
      { name: 'limit', required: false },
      { name: 'item_id', required: true },
    ]);
    expect(JSON.stringify(document.paths['/api/v1/widgets']?.['post']?.requestBody)).toContain('"minLength":1');
  });

  it('sets its security headers on every answer, problems too', async () => {
    const { headers } = await get('/api/v1/nowhere');

    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toContain("default-src 'self'");
  });
});
