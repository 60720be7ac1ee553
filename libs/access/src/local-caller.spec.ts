import { isLocal, isLoopback } from './local-caller.js';

const here = { listening: '127.0.0.1', peer: '127.0.0.1', headers: { host: '127.0.0.1:8080' } };

describe('isLocal', () => {
  it.each([
    ['a program on this machine', here],
    ['by name', { ...here, headers: { host: 'localhost:8080' } }],
    ['by IPv6', { listening: '::1', peer: '::1', headers: { host: '[::1]:8080' } }],
    ['the own page in a browser', { ...here, headers: { host: 'localhost:8080', origin: 'http://localhost:8080' } }],
  ])('says yes to %s', (_name, origin) => {
    expect(isLocal(origin)).toBe(true);
  });

  it.each([
    ['a server that listens on all addresses', { ...here, listening: '0.0.0.0' }],
    ['a server that listens on all addresses, IPv6', { ...here, listening: '::' }],
    ['another machine', { ...here, peer: '192.168.1.7' }],
    [
      'another machine that claims to be this one',
      { ...here, peer: '10.0.0.1', headers: { 'x-forwarded-for': '127.0.0.1' } },
    ],
    ['a proxy on this machine', { ...here, headers: { host: 'localhost', 'x-forwarded-for': '203.0.113.9' } }],
    [
      'a proxy that forwards for this machine, it says',
      { ...here, headers: { host: 'localhost', forwarded: 'for=127.0.0.1' } },
    ],
    [
      'a page of another site in the browser',
      { ...here, headers: { host: '127.0.0.1:8080', origin: 'https://evil.example' } },
    ],
    ['a sandboxed page', { ...here, headers: { host: '127.0.0.1:8080', origin: 'null' } }],
    ['a name that was rebound to this machine', { ...here, headers: { host: 'evil.example:8080' } }],
    ['a name that only begins like ours', { ...here, headers: { host: '127.0.0.1.evil.example' } }],
    ['a name that only begins like localhost', { ...here, headers: { host: 'localhost.evil.example' } }],
    ['no Host', { ...here, headers: {} }],
    ['a closed connection', { ...here, peer: undefined }],
  ])('says no to %s', (_name, origin) => {
    expect(isLocal(origin)).toBe(false);
  });

  it('knows the addresses of this machine, as the system writes them', () => {
    expect(['127.0.0.1', '127.1.2.3', '::1', '::ffff:127.0.0.1'].every(isLoopback)).toBe(true);
    expect(['128.0.0.1', '::', '0.0.0.0', '::ffff:10.0.0.1', '127.evil', '', 'localhost'].some(isLoopback)).toBe(false);
  });
});
