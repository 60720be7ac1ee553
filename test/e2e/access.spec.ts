import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { makeKey } from '@app/access';
import { callWithKey, storedKey } from '../support/api-keys.js';
import { eventually } from '../support/processes.js';
import { useRestProcess, type Json } from '../support/rest-process.js';

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
    const made = await callWithKey(rest(), admin, '/keys', { name: 'grafana', scopes: ['read'] });
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
    for (const headers of ways) expect((await callWithKey(rest(), headers, '/series')).status).toBe(200);
    expect(await callWithKey(rest(), key, '/jobs', { cron: '5 * * * *', horizon: 1 })).toMatchObject({
      status: 403,
      body: { code: 'SCOPE_MISSING' },
    });

    const listed = await callWithKey(rest(), admin, '/keys');
    expect(listed.body['keys']).toContainEqual(
      expect.objectContaining({ key_id: made.body['key_id'], revoked_at: null }),
    );
    expect(JSON.stringify(listed.body)).not.toContain(key.slice(21));

    expect((await callWithKey(rest(), admin, `/keys/${String(made.body['key_id'])}`, undefined, 'DELETE')).status).toBe(
      204,
    );
    const refused = await eventually(async () => {
      const answer = await callWithKey(rest(), key, '/series');
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
    const { body } = await callWithKey(rest(), admin, '/keys', { name: 'for a moment', scopes: ['read'], expires_at });

    expect((await callWithKey(rest(), String(body['key']), '/series')).status).toBe(200);
    await sleep(1_600);
    expect((await callWithKey(rest(), String(body['key']), '/series')).status).toBe(401);
  });

  it.each([
    ['no scope', { name: 'x', scopes: [] }, 'scopes'],
    ['a scope that there is not', { name: 'x', scopes: ['root'] }, 'scopes[0]'],
    ['the scope of roles', { name: 'x', scopes: ['internal'] }, 'scopes[0]'],
    ['no name', { name: '  ', scopes: ['read'] }, 'name'],
    ['an empty prefix', { name: 'x', scopes: ['read'], item_prefixes: [''] }, 'item_prefixes[0]'],
    ['a time that has passed', { name: 'x', scopes: ['read'], expires_at: '2020-01-01T00:00:00Z' }, 'expires_at'],
  ])('refuse %s', async (_name, body, where) => {
    expect(await callWithKey(rest(), admin, '/keys', body)).toMatchObject({
      status: 400,
      body: { code: 'INVALID_REQUEST', detail: expect.stringContaining(where) },
    });
  });

  it('have names of their own', async () => {
    expect((await callWithKey(rest(), admin, '/keys', { name: 'twice', scopes: ['read'] })).status).toBe(201);
    expect(await callWithKey(rest(), admin, '/keys', { name: 'twice', scopes: ['read'] })).toMatchObject({
      status: 409,
      body: { code: 'KEY_NAME_TAKEN' },
    });
  });

  it('are made by admins of all items only', async () => {
    const some = await storedKey(rest(), ['admin'], { itemPrefixes: ['pump-'] });
    const read = await storedKey(rest(), ['read']);

    for (const path of ['/keys', '/audit']) {
      expect(await callWithKey(rest(), some, path)).toMatchObject({ status: 403, body: { code: 'ITEM_FORBIDDEN' } });
      expect(await callWithKey(rest(), read, path)).toMatchObject({ status: 403, body: { code: 'SCOPE_MISSING' } });
    }
    expect((await callWithKey(rest(), some, '/keys', { name: 'greater', scopes: ['admin'] })).status).toBe(403);
  });

  it('cost the same when unknown as when wrong, and nothing of a caller reaches the answer', async () => {
    const known = await storedKey(rest(), ['read']);
    const wrong = `${known.slice(0, -1)}${known.endsWith('A') ? 'B' : 'A'}`;
    const unknown = makeKey().text;
    const answers = await Promise.all(
      [wrong, unknown, `${known} `.repeat(3), "' OR 1=1 --", '<script>', 'x'.repeat(8_000)].map((key) =>
        callWithKey(rest(), key, '/series'),
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
    const admin = await storedKey(rest(), ['admin'], { name: 'ops' });
    const job = await callWithKey(rest(), admin, '/jobs', { name: 'nightly', cron: '5 * * * *', horizon: 3 });
    await callWithKey(rest(), admin, '/webhooks', {
      url: 'https://alerts.example.com/x',
      secret: 'a secret of sixteen and more',
    });
    await callWithKey(rest(), admin, '/jobs/5f6c0d3e-8a52-4b7e-9f0a-3a1d6e1b2c44', undefined, 'DELETE');
    await callWithKey(rest(), admin, '/series');
    await callWithKey(rest(), admin, '/jobs', { name: 'wrong \u0000', cron: 'never', horizon: 3 });

    const { body } = await callWithKey(rest(), admin, '/audit?limit=3');
    const { body: rest_ } = await callWithKey(rest(), admin, `/audit?limit=3&cursor=${String(body['next_cursor'])}`);
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
    for (let i = 0; i < 5; i++) expect((await callWithKey(rest(), one, '/jobs')).status).toBe(200);
    const limited = await callWithKey(rest(), one, '/jobs');

    expect(limited).toMatchObject({
      status: 429,
      body: { code: 'RATE_LIMITED', detail: expect.stringContaining('RATE_LIMIT_PER_MINUTE') },
    });
    expect(Number(limited.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(limited.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect((await callWithKey(rest(), other, '/jobs')).status).toBe(200);
  });

  it('hold for who tries keys, and not for who has one', async () => {
    const key = await storedKey(rest(), ['read']);
    const statuses: number[] = [];
    for (let i = 0; i < 62; i++) statuses.push((await callWithKey(rest(), makeKey().text, '/jobs')).status);

    expect(statuses.slice(0, 60).every((status) => status === 401)).toBe(true);
    expect(statuses.at(-1)).toBe(429);
    expect((await callWithKey(rest(), key, '/jobs')).status).toBe(200);
  });
});

describe('a read that takes too long', () => {
  const rest = useRestProcess(undefined, { ...NO_FORECASTER, env: { READ_TIMEOUT_SECONDS: '1' } });

  it('is ended by the database, and says so', async () => {
    const blocker = rest().dataSource.createQueryRunner();
    await blocker.startTransaction();
    await blocker.query('LOCK TABLE series IN ACCESS EXCLUSIVE MODE');
    try {
      expect(await callWithKey(rest(), {}, '/series')).toMatchObject({
        status: 504,
        body: { code: 'DEADLINE_EXCEEDED', detail: expect.stringContaining('READ_TIMEOUT_SECONDS') },
      });
    } finally {
      await blocker.rollbackTransaction();
      await blocker.release();
    }
    expect((await callWithKey(rest(), {}, '/series')).status).toBe(200);
  });
});

describe('hostile headers and keys', () => {
  const rest = useRestProcess(undefined, {
    ...NO_FORECASTER,
    env: { API_KEYS: 'always', CORS_ORIGINS: 'https://app.example.com' },
  });

  it('never come back as headers', async () => {
    const key = await storedKey(rest(), ['admin']);
    const split = encodeURIComponent('x\r\nset-cookie: stolen=1\r\n\r\n<script>alert(1)</script>');
    for (const path of [`/series/${split}/flow/observations`, `/jobs/${split}`, `/forecasts/latest?item_id=${split}`]) {
      const answer = await callWithKey(rest(), key, path);
      expect(answer.status).toBe(404);
      expect(answer.headers.get('set-cookie')).toBeNull();
      expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    }
  });

  it('let pages of the named origins ask, and no others', async () => {
    const key = await storedKey(rest(), ['read']);
    const preflight = async (origin: string) => {
      const headers = {
        origin,
        'access-control-request-method': 'GET',
        'access-control-request-headers': 'authorization',
      };
      return (await fetch(`${rest().url}/api/v1/series`, { method: 'OPTIONS', headers })).headers.get(
        'access-control-allow-origin',
      );
    };
    expect(await preflight('https://app.example.com')).toBe('https://app.example.com');
    expect(await preflight('https://evil.example')).toBeNull();

    const bearer = { authorization: `Bearer ${key}` };
    const asked = await callWithKey(rest(), { ...bearer, origin: 'https://app.example.com' }, '/series');
    expect(asked.headers.get('access-control-allow-origin')).toBe('https://app.example.com');
    expect(asked.headers.get('access-control-allow-credentials')).toBeNull();
    expect(
      (await callWithKey(rest(), { ...bearer, origin: 'https://evil.example' }, '/series')).headers.get(
        'access-control-allow-origin',
      ),
    ).toBeNull();
  });
});

describe('docs/access.md', () => {
  const rest = useRestProcess(undefined, NO_FORECASTER);

  it('has commands over REST that work as they stand', async () => {
    const guide = readFileSync('docs/access.md', 'utf8');
    const commands = [...guide.matchAll(/```sh\n([\s\S]*?)```/g)]
      .map(([, text]) => text!)
      .filter((text) => text.includes('curl'));
    const script = `curl() { command curl --fail-with-body "$@"; }\n${commands.join('\n')}`;
    const env = { ...process.env, API: `${rest().url}/api/v1` };
    const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', script], { env });

    expect(stdout).toContain('"name":"press shop"');
    expect(stdout).toContain('"action":"DELETE /api/v1/keys/:key_id"');
  });
});
