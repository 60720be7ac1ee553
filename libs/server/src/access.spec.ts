import { Body, Controller, Get, Global, Module, Post } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import {
  Access,
  CurrentAccess,
  KEY_VERIFIER,
  PublicAccess,
  RequireScope,
  currentAccess,
  type Scope,
} from '@app/access';
import { loadEnv } from '@app/config';
import { silentLogger } from '@app/observability';
import { createServer } from './index.js';

@Controller('plain')
class PlainController {
  @Get()
  read(): unknown {
    return { name: currentAccess().caller.name };
  }

  @Post()
  write(@Body() body: unknown): unknown {
    return { body };
  }
}

@Controller('dialect')
@RequireScope('read')
class DialectController {
  @Post()
  ask(@Body() body: unknown, @CurrentAccess() access: Access): unknown {
    return { body, may: access.mayTouch('pump-7') };
  }

  @Post('labels')
  @RequireScope('label')
  label(): unknown {
    return {};
  }

  @Get('about')
  @PublicAccess()
  about(): unknown {
    return { open: true };
  }
}

const key = (letter: string) => `tdc_0123456789abcdef_${letter.repeat(43)}`;
const KEYS: Readonly<Record<string, readonly Scope[]>> = {
  [key('r')]: ['read'],
  [key('l')]: ['label'],
  [key('a')]: ['admin'],
};
const keys = {
  verify: (text: string, address: string) => {
    const caller = { kind: 'key', keyId: '0123456789abcdef', name: 'a key', address } as const;
    return Promise.resolve(KEYS[text] && new Access(caller, new Set(KEYS[text]), ['pump-']));
  },
};

@Global()
@Module({
  controllers: [PlainController, DialectController],
  providers: [{ provide: KEY_VERIFIER, useValue: keys }],
  exports: [KEY_VERIFIER],
})
class SomeModule {}

describe.each(['auto', 'always'] as const)('access where API_KEYS is %s', (mode) => {
  let app: NestFastifyApplication;
  let url: string;

  beforeAll(async () => {
    app = await createServer(SomeModule, {
      env: { ...loadEnv({}), API_KEYS: mode, RATE_LIMIT_PER_MINUTE: 20 },
      logger: silentLogger(),
    });
    app
      .getHttpAdapter()
      .getInstance()
      .get('/raw', () => ({ raw: true }));
    await app.listen(0, '127.0.0.1');
    url = await app.getUrl();
  });
  afterAll(() => app.close());

  const call = async (path: string, headers: Record<string, string> = {}, body?: unknown) => {
    const json =
      body === undefined
        ? {}
        : { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } };
    const response = await fetch(url + path, { headers, ...json });
    return {
      status: response.status,
      headers: response.headers,
      body: (await response.json()) as Record<string, unknown>,
    };
  };
  const bearer = (letter: string) => ({ authorization: `Bearer ${key(letter)}` });

  if (mode === 'auto') {
    it('lets this machine in, without a key or with one of another product', async () => {
      expect(await call('/api/v1/plain')).toMatchObject({ status: 200, body: { name: 'local' } });
      expect(await call('/api/v1/plain', { authorization: 'Bearer nixak-123' })).toMatchObject({ status: 200 });
      expect(await call('/api/v1/plain', {}, { a: 1 })).toMatchObject({ status: 201, body: { body: { a: 1 } } });
    });

    it('wants a key of who comes through a proxy or from the page of another site', async () => {
      expect((await call('/api/v1/plain', { 'x-forwarded-for': '127.0.0.1' })).status).toBe(401);
      expect((await call('/api/v1/plain', { origin: 'https://evil.example' })).status).toBe(401);
    });
  } else {
    it('wants a key even of this machine', async () => {
      const answer = await call('/api/v1/plain');

      expect(answer).toMatchObject({ status: 401, body: { code: 'KEY_MISSING', status: 401 } });
      expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="tidecast"');
      expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    });

    it('refuses what was added to Fastify itself and did not say that it is public', async () => {
      expect((await call('/raw')).status).toBe(401);
      expect((await fetch(`${url}/docs`)).status).toBe(200);
    });

    it('answers everybody where it is said so', async () => {
      expect(await call('/api/v1/dialect/about')).toMatchObject({ status: 200, body: { open: true } });
      expect((await call('/health/live')).status).toBe(200);
      expect((await call('/metrics')).status).toBe(401);
    });
  }

  it('refuses a key that nobody has', async () => {
    expect(await call('/api/v1/plain', bearer('x'))).toMatchObject({ status: 401, body: { code: 'KEY_INVALID' } });
  });

  it('asks for read to read and for admin to change, where nothing else is said', async () => {
    expect(await call('/api/v1/plain', bearer('r'))).toMatchObject({ status: 200, body: { name: 'a key' } });
    expect(await call('/api/v1/plain', bearer('r'), {})).toMatchObject({
      status: 403,
      body: { code: 'SCOPE_MISSING', scope: 'admin' },
    });
    expect((await call('/api/v1/plain', bearer('l'))).status).toBe(403);
    expect((await call('/api/v1/plain', bearer('a'), {})).status).toBe(201);
  });

  it('asks for the scope of the controller, or of the handler where it has one', async () => {
    expect(await call('/api/v1/dialect', bearer('r'), { a: 1 })).toMatchObject({
      status: 201,
      body: { body: { a: 1 }, may: true },
    });
    expect((await call('/api/v1/dialect/labels', bearer('r'), {})).status).toBe(403);
    expect((await call('/api/v1/dialect/labels', bearer('l'), {})).status).toBe(201);
  });
});
