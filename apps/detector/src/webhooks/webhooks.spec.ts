import { guardedLookup, isAllowed, urlProblem } from './address-policy.js';
import { signatureOf } from './signature.js';
import { retryDelay } from './webhook.sender.js';

describe('isAllowed', () => {
  it.each([
    ['8.8.8.8', true, true],
    ['2001:4860:4860::8888', true, true],
    ['10.1.2.3', false, true],
    ['172.31.255.255', false, true],
    ['192.168.0.1', false, true],
    ['fd00::1', false, true],
    ['::ffff:10.0.0.1', false, true],
    ['127.0.0.1', false, false],
    ['::1', false, false],
    ['::ffff:127.0.0.1', false, false],
    ['169.254.169.254', false, false],
    ['::ffff:169.254.169.254', false, false],
    ['fe80::1', false, false],
    ['0.0.0.0', false, false],
    ['224.0.0.1', false, false],
  ])('%s: public %s, private %s', (address, forPublic, forPrivate) => {
    expect(isAllowed(address, 'public')).toBe(forPublic);
    expect(isAllowed(address, 'private')).toBe(forPrivate);
    expect(isAllowed(address, 'any')).toBe(true);
  });
});

describe('urlProblem', () => {
  it.each(['ftp://example.com', 'file:///etc/passwd', 'example.com', '', 'javascript:alert(1)'])(
    'refuses "%s"',
    (url) => {
      expect(urlProblem(url, 'any')).toMatch(/no http or https URL/);
    },
  );

  it('refuses a user in the URL, which would end in logs', () => {
    expect(urlProblem('https://user:secret@example.com', 'any')).toMatch(/user name or password/);
  });

  it.each(['http://127.0.0.1/', 'http://2130706433/', 'http://0x7f.1/', 'http://[::1]:80/', 'http://[::ffff:7f00:1]/'])(
    'sees through %s',
    (url) => {
      expect(urlProblem(url, 'private')).toMatch(/no address that webhooks may go to \(WEBHOOK_ADDRESSES is private\)/);
    },
  );

  it('takes ordinary ones', () => {
    expect(urlProblem('https://alerts.example.com/x?y=1', 'public')).toBeUndefined();
    expect(urlProblem('http://10.0.0.5:8080/', 'private')).toBeUndefined();
  });
});

describe('guardedLookup', () => {
  it('refuses a name that leads to this machine', async () => {
    const error = await new Promise((resolve) => guardedLookup('private')('localhost', {}, resolve));
    expect(String(error)).toMatch(/localhost: .* is no address that webhooks may go to/);
  });
});

describe('signatureOf', () => {
  it('is HMAC-SHA256 over time and body', () => {
    // printf '1767225600.{"a":1}' | openssl dgst -sha256 -hmac 0123456789abcdef
    expect(signatureOf('0123456789abcdef', '1767225600', '{"a":1}')).toBe(
      'sha256=539b0e21b535c5201ef7d1453c0a0de4ad132293226de9018be0cfbf0092faa6',
    );
  });
});

describe('retryDelay', () => {
  const policy = { firstMs: 100, longestMs: 1_000, attempts: 10 };

  it('doubles up to the longest, and spreads over the upper half', () => {
    expect([1, 2, 3, 4, 5, 50].map((attempts) => retryDelay(policy, attempts, 1))).toEqual([
      100, 200, 400, 800, 1_000, 1_000,
    ]);
    expect(retryDelay(policy, 1, 0)).toBe(50);
  });
});
