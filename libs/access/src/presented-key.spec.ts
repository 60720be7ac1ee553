import { presentedKey } from './presented-key.js';

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

describe('presentedKey', () => {
  it.each([
    ['Bearer', { authorization: 'Bearer k' }, 'k'],
    ['any case, any space', { authorization: '  bEARER   k ' }, 'k'],
    ['the Token of InfluxDB', { authorization: 'Token k' }, 'k'],
    ['a password, whatever the user', { authorization: basic('grafana:k:with:colons') }, 'k:with:colons'],
    ['a password without a user', { authorization: basic(':k') }, 'k'],
    ['X-API-Key', { 'x-api-key': ' k ' }, 'k'],
    ['X-API-Key beside what a proxy wants', { 'x-api-key': 'k', authorization: basic('proxy:secret') }, 'k'],
  ])('reads %s', (_name, headers, key) => {
    expect(presentedKey(headers)).toBe(key);
  });

  it.each([
    ['nothing', {}],
    ['an empty key', { 'x-api-key': ' ', authorization: 'Bearer ' }],
    ['an empty password', { authorization: basic('user:') }],
    ['no password', { authorization: basic('user') }],
    ['what is no base64', { authorization: 'Basic %%%' }],
    ['another scheme', { authorization: 'Digest username="k"' }],
    ['a bare key', { authorization: 'k' }],
  ])('finds none in %s', (_name, headers) => {
    expect(presentedKey(headers)).toBeUndefined();
  });
});
