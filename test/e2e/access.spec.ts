import { setTimeout as sleep } from 'node:timers/promises';
import { makeKey, type Scope } from '@app/access';
import { ApiKeyRepository } from '@app/persistence';
import { eventually } from '../support/processes.js';
import { useRestProcess, type Json, type RestProcess } from '../support/rest-process.js';

interface Called {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Json;
}

/** A request to `/api/v1` with a key, or whatever headers. */
async function call(
  rest: RestProcess,
  key: string | Record<string, string>,
  path: string,
  body?: unknown,
  method?: string,
): Promise<Called> {
  const auth: Record<string, string> = typeof key === 'string' ? { authorization: `Bearer ${key}` } : key;
  const response = await fetch(`${rest.url}/api/v1${path}`, {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers: body === undefined ? auth : { 'content-type': 'application/json', ...auth },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: (text === '' ? {} : JSON.parse(text)) as Json };
}

/** A key made behind the server's back, as the command makes it. */
async function storedKey(
  rest: RestProcess,
  scopes: readonly Scope[],
  itemPrefixes: readonly string[] | null = null,
  name = scopes.join(),
): Promise<string> {
  const { keyId, text, hash } = makeKey();
  await new ApiKeyRepository(rest.dataSource).create({
    keyId,
    name: `${name} ${keyId}`,
    hash,
    scopes,
    itemPrefixes,
    createdBy: 'test',
    expiresAt: null,
  });
  return text;
}

/** Nothing here is forecast: no model needs to be loaded. */
const NO_FORECASTER = { forecasterUrl: 'http://127.0.0.1:1' };

describe('keys', () => {
  const rest = useRestProcess(undefined, {
    ...NO_FORECASTER,
    env: { API_KEYS: 'always', RATE_LIMIT_PER_MINUTE: '100' },
  });
  let admin: string;
  beforeAll(async () => {
    admin = await storedKey(rest(), ['admin']);
  });

  it('are made, used in every way that clients send them, listed and revoked', async () => {
    const made = await call(rest(), admin, '/keys', { name: 'grafana', scopes: ['read'] });
    expect(made).toMatchObject({ status: 201, body: { name: 'grafana', scopes: ['read'], item_prefixes: null } });
    const key = String(made.body['key']);
    expect(key).toMatch(/^tdc_[0-9a-f]{16}_[\w-]{43}$/);

    const basic = `Basic ${Buffer.from(`anybody:${key}`).toString('base64')}`;
    const ways: Record<string, string>[] = [
      { authorization: `Bearer ${key}` },
      { authorization: `Token ${key}` },
      { authorization: basic },
      { 'x-api-key': key },
    ];
    for (const headers of ways) expect((await call(rest(), headers, '/series')).status).toBe(200);
    expect(await call(rest(), key, '/jobs', { cron: '5 * * * *', horizon: 1 })).toMatchObject({
      status: 403,
      body: { code: 'SCOPE_MISSING' },
    });

    const listed = await call(rest(), admin, '/keys');
    expect(listed.body['keys']).toContainEqual(
      expect.objectContaining({ key_id: made.body['key_id'], revoked_at: null }),
    );
    expect(JSON.stringify(listed.body)).not.toContain(key.slice(21));

    expect((await call(rest(), admin, `/keys/${String(made.body['key_id'])}`, undefined, 'DELETE')).status).toBe(204);
    const refused = await eventually(async () => {
      const answer = await call(rest(), key, '/series');
      return answer.status === 401 && answer;
    }, 5_000);
    expect(refused).toMatchObject({ body: { code: 'KEY_INVALID' } });
  });

  it('keep only a hash', async () => {
    const key = await storedKey(rest(), ['read']);
    const rows = await rest().dataSource.query(`SELECT k::text AS row, octet_length(hash) AS bytes FROM api_keys k`);

    expect(
      rows.every(({ row, bytes }: { row: string; bytes: number }) => !row.includes(key.slice(21)) && bytes === 32),
    ).toBe(true);
  });

  it('end when they expire', async () => {
    const expires_at = new Date(Date.now() + 1_500).toISOString();
    const { body } = await call(rest(), admin, '/keys', { name: 'for a moment', scopes: ['read'], expires_at });

    expect((await call(rest(), String(body['key']), '/series')).status).toBe(200);
    await sleep(1_600);
    expect((await call(rest(), String(body['key']), '/series')).status).toBe(401);
  });

  it.each([
    ['no scope', { name: 'x', scopes: [] }, 'scopes'],
    ['a scope that there is not', { name: 'x', scopes: ['root'] }, 'scopes[0]'],
    ['the scope of roles', { name: 'x', scopes: ['internal'] }, 'scopes[0]'],
    ['no name', { name: '  ', scopes: ['read'] }, 'name'],
    ['an empty prefix', { name: 'x', scopes: ['read'], item_prefixes: [''] }, 'item_prefixes[0]'],
    ['a time that has passed', { name: 'x', scopes: ['read'], expires_at: '2020-01-01T00:00:00Z' }, 'expires_at'],
  ])('refuse %s', async (_name, body, where) => {
    expect(await call(rest(), admin, '/keys', body)).toMatchObject({
      status: 400,
      body: { code: 'INVALID_REQUEST', detail: expect.stringContaining(where) },
    });
  });

  it('have names of their own', async () => {
    expect((await call(rest(), admin, '/keys', { name: 'twice', scopes: ['read'] })).status).toBe(201);
    expect(await call(rest(), admin, '/keys', { name: 'twice', scopes: ['read'] })).toMatchObject({
      status: 409,
      body: { code: 'KEY_NAME_TAKEN' },
    });
  });

  it('are made by admins of all items only', async () => {
    const some = await storedKey(rest(), ['admin'], ['pump-']);
    const read = await storedKey(rest(), ['read']);

    for (const path of ['/keys', '/audit']) {
      expect(await call(rest(), some, path)).toMatchObject({ status: 403, body: { code: 'ITEM_FORBIDDEN' } });
      expect(await call(rest(), read, path)).toMatchObject({ status: 403, body: { code: 'SCOPE_MISSING' } });
    }
    expect((await call(rest(), some, '/keys', { name: 'greater', scopes: ['admin'] })).status).toBe(403);
  });

  it('cost the same when unknown as when wrong, and nothing of a caller reaches the answer', async () => {
    const known = await storedKey(rest(), ['read']);
    const wrong = `${known.slice(0, -1)}${known.endsWith('A') ? 'B' : 'A'}`;
    const unknown = makeKey().text;
    const answers = await Promise.all(
      [wrong, unknown, `${known} `.repeat(3), "' OR 1=1 --", '<script>', 'x'.repeat(8_000)].map((key) =>
        call(rest(), key, '/series'),
      ),
    );

    expect(
      new Set(answers.map(({ status, body }) => `${status} ${String(body['code'])} ${String(body['detail'])}`)).size,
    ).toBe(1);
  });
});

describe('the audit', () => {
  const rest = useRestProcess(undefined, { ...NO_FORECASTER, env: { API_KEYS: 'always' } });

  it('tells who changed what, when and from where, and what came of it', async () => {
    const admin = await storedKey(rest(), ['admin'], null, 'ops');
    const job = await call(rest(), admin, '/jobs', { name: 'nightly', cron: '5 * * * *', horizon: 3 });
    await call(rest(), admin, '/webhooks', {
      url: 'https://alerts.example.com/x',
      secret: 'a secret of sixteen and more',
    });
    await call(rest(), admin, '/jobs/5f6c0d3e-8a52-4b7e-9f0a-3a1d6e1b2c44', undefined, 'DELETE');
    await call(rest(), admin, '/series');
    await call(rest(), admin, '/jobs', { name: 'wrong \u0000', cron: 'never', horizon: 3 });

    const { body } = await call(rest(), admin, '/audit?limit=3');
    const { body: rest_ } = await call(rest(), admin, `/audit?limit=3&cursor=${String(body['next_cursor'])}`);
    const events = [...(body['events'] as Json[]), ...(rest_['events'] as Json[])];
    const who = {
      caller: 'key',
      name: expect.stringMatching(/^ops /),
      address: '127.0.0.1',
      key_id: admin.slice(4, 20),
    };

    expect(events).toMatchObject([
      { ...who, action: 'POST /api/v1/jobs', outcome: 'CRON_INVALID' },
      {
        ...who,
        action: 'DELETE /api/v1/jobs/:job_id',
        target: '/api/v1/jobs/5f6c0d3e-8a52-4b7e-9f0a-3a1d6e1b2c44',
        outcome: 'NOT_FOUND',
      },
      { ...who, action: 'POST /api/v1/webhooks', outcome: 'ok' },
      {
        ...who,
        action: 'POST /api/v1/jobs',
        outcome: 'ok',
        details: { job_id: job.body['job_id'], body: { name: 'nightly' } },
      },
    ]);
    expect(JSON.stringify(events)).not.toContain('a secret of sixteen');
  });
});

describe('limits', () => {
  const rest = useRestProcess(undefined, { ...NO_FORECASTER, env: { API_KEYS: 'always', RATE_LIMIT_PER_MINUTE: '5' } });

  it('hold for each key by itself, and say when to come again', async () => {
    const [one, other] = [await storedKey(rest(), ['read']), await storedKey(rest(), ['read'])];
    for (let i = 0; i < 5; i++) expect((await call(rest(), one, '/jobs')).status).toBe(200);
    const limited = await call(rest(), one, '/jobs');

    expect(limited).toMatchObject({
      status: 429,
      body: { code: 'RATE_LIMITED', detail: expect.stringContaining('RATE_LIMIT_PER_MINUTE') },
    });
    expect(Number(limited.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(limited.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect((await call(rest(), other, '/jobs')).status).toBe(200);
  });

  it('hold for who tries keys, and not for who has one', async () => {
    const key = await storedKey(rest(), ['read']);
    const statuses: number[] = [];
    for (let i = 0; i < 62; i++) statuses.push((await call(rest(), makeKey().text, '/jobs')).status);

    expect(statuses.slice(0, 60).every((status) => status === 401)).toBe(true);
    expect(statuses.at(-1)).toBe(429);
    expect((await call(rest(), key, '/jobs')).status).toBe(200);
  });
});
