import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { Body, Controller, Module, Post } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { loadEnv } from '@app/config';
import { PlatformError, silentLogger } from '@app/observability';
import { createServer, ErrorForms } from './index.js';

const LIMIT = 1_000;
const BODY = JSON.stringify({ name: 'w', parts: Array.from({ length: 40 }, (_, i) => ({ size: i % 7 })) }, null, 0);
/** `json.dumps` of the same, by Python's zstandard at level 1: with the size in the frame, and as a stream without it. */
const ZSTD = Buffer.from(
  'KLUv/WAgAfUDAPKEEBWQuQ0Ar4e/MwFjdr9QK7u7JU/MzEIrWKuJ17yaeM2ride8mnjNq4nXvJpoZZ2Zo0RIV4CZp8M4xa0cuZmj4RBXAScg4Oecc' +
    'McxTrjjGCfccYwT7jjGCXcc44Q7jnGCO45xwh3HOOGOY5xwxzFOuOMYJ9xxjBPNb6FITw==',
  'base64',
);
const ZSTD_STREAM = Buffer.from(
  'KLUv/QAA9QMA8oQQFZC5DQCvh78zAWN2v1Aru7slT8zMQitYq4nXvJp4zauJ17yaeM2ride8mmhlnZmjREhXgJmnwzjFrRy5maPhEFcBJyDg55xwx' +
    'zFOuOMYJ9xxjBPuOMYJdxzjhDuOcYI7jnHCHcc44Y5jnHDHMU644xgn3HGME81voUhP',
  'base64',
);

@Controller('echo')
class EchoController {
  @Post()
  echo(@Body() body: unknown): unknown {
    if (body === null) throw new PlatformError('NOT_SUPPORTED', 'null is not for us');
    return body;
  }
}

@Module({ controllers: [EchoController] })
class EchoModule {}

describe('request bodies', () => {
  let app: NestFastifyApplication;
  let url: string;

  beforeAll(async () => {
    app = await createServer(EchoModule, { env: { ...loadEnv({}), MAX_BODY_BYTES: LIMIT }, logger: silentLogger() });
    await app.listen(0, '127.0.0.1');
    url = `${await app.getUrl()}/api/v1/echo`;
  });
  afterAll(() => app.close());

  async function post(body: Uint8Array | string, encoding?: string) {
    const headers = { 'content-type': 'application/json', ...(encoding ? { 'content-encoding': encoding } : {}) };
    const response = await fetch(url, { method: 'POST', body: body as BodyInit, headers });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }

  it.each<[string, Uint8Array]>([
    ['gzip', gzipSync(BODY)],
    ['x-gzip', gzipSync(BODY)],
    ['deflate', deflateSync(BODY)],
    ['br', brotliCompressSync(BODY)],
    ['zstd', ZSTD],
    ['ZSTD', ZSTD],
  ])('are decoded: %s', async (encoding, body) => {
    expect(await post(body, encoding)).toEqual({ status: 201, body: JSON.parse(BODY) as unknown });
  });

  it.each(['gzip', 'deflate', 'br', 'zstd'])('are refused where they are not %s, or cut off', async (encoding) => {
    const good = { gzip: gzipSync(BODY), deflate: deflateSync(BODY), br: brotliCompressSync(BODY), zstd: ZSTD };
    for (const body of [BODY, '', good[encoding as keyof typeof good].subarray(0, -9)]) {
      const answer = await post(body, encoding);
      expect(answer).toMatchObject({
        status: 400,
        body: { detail: expect.stringMatching(/zstd|Zstandard|gzip|deflate|br/) },
      });
    }
  });

  it('are refused where a Zstandard frame does not state its size, with the remedy', async () => {
    expect(await post(ZSTD_STREAM, 'zstd')).toMatchObject({
      status: 400,
      body: { detail: expect.stringContaining('compress the whole body in one call') },
    });
  });

  it('are refused where a Zstandard frame is cut into blocks that only cost', async () => {
    // A header that says 100 bytes, and 100 blocks of one byte each, the last marked.
    const blocks = Array.from({ length: 100 }, (_, i) => [(1 << 3) | (1 << 1) | Number(i === 99), 0, 0, 0x20]).flat();
    const frame = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x20, 100, ...blocks]);

    expect(await post(frame, 'zstd')).toMatchObject({
      status: 400,
      body: { detail: expect.stringContaining('compress the whole body in one call') as string },
    });
  });

  it('are limited in what they become', async () => {
    const large = JSON.stringify(Array<number>(2 * LIMIT).fill(0));
    // A frame that says that it becomes 2^40 bytes.
    const boast = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0]);
    const noise = Buffer.alloc(LIMIT + 1, 7);
    for (const [body, encoding] of [
      [gzipSync(large), 'gzip'],
      [deflateSync(large), 'deflate'],
      [brotliCompressSync(large), 'br'],
      [boast, 'zstd'],
      [noise, 'zstd'],
    ] as const) {
      expect(await post(body, encoding)).toMatchObject({ status: 413, body: { code: 'PAYLOAD_TOO_LARGE' } });
    }
  });

  it('are not guessed at: an unknown encoding is named', async () => {
    expect(await post(BODY, '__proto__')).toMatchObject({
      status: 415,
      body: { code: 'UNSUPPORTED_MEDIA_TYPE', detail: expect.stringContaining('gzip') },
    });
  });
});

describe('errors in the form of another API', () => {
  let app: NestFastifyApplication;
  let url: string;

  beforeAll(async () => {
    app = await createServer(EchoModule, { env: { ...loadEnv({}), MAX_BODY_BYTES: LIMIT }, logger: silentLogger() });
    app.get(ErrorForms).add({
      covers: (path) => path === '/api/v1/echo' || path.startsWith('/foreign/'),
      render: ({ status, detail }) => ({ ...(status === 415 ? { status: 400 } : {}), body: { error: detail } }),
    });
    await app.listen(0, '127.0.0.1');
    url = await app.getUrl();
  });
  afterAll(() => app.close());

  it('are told so wherever they come from, and elsewhere stay problems', async () => {
    const type = { 'content-type': 'application/json' };
    const post = (path: string, body: string, headers: Record<string, string> = type) =>
      fetch(url + path, { method: 'POST', body, headers });

    const handler = await post('/api/v1/echo?x=1', 'null');
    expect([handler.status, await handler.json()]).toEqual([422, { error: 'null is not for us' }]);
    expect(handler.headers.get('content-type')).toBe('application/json; charset=utf-8');
    const parser = await post('/api/v1/echo', '{');
    expect([parser.status, await parser.json()]).toEqual([400, { error: expect.any(String) }]);
    const other = await post('/api/v1/echo', 'x', { 'content-type': 'x/y' });
    expect([other.status, await other.json()]).toEqual([400, { error: expect.any(String) }]);
    const nobody = await post('/foreign/x', '{}');
    expect([nobody.status, await nobody.json()]).toEqual([404, { error: expect.any(String) }]);
    const ours = await post('/api/v1/nothing', '{}');
    expect(await ours.json()).toMatchObject({ code: 'NOT_FOUND' });
  });
});
