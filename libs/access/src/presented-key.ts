import type { IncomingHttpHeaders } from 'node:http';

/**
 * The key that a request carries: `X-API-Key: <key>`, `Authorization: Bearer <key>`, `Authorization: Token <key>` (clients
 * of InfluxDB), or the password of `Authorization: Basic …` (Grafana, Prometheus); of several the first one, as a proxy
 * may have an Authorization of its own. It may be anything that a caller likes to send.
 */
export function presentedKey(headers: IncomingHttpHeaders): string | undefined {
  const own = [headers['x-api-key']].flat()[0]?.trim();
  if (own) return own;
  const [scheme, ...rest] = (headers.authorization ?? '').trim().split(/\s+/);
  const text = rest.join(' ');
  if (text === '') return undefined;
  if (/^(bearer|token)$/i.test(scheme ?? '')) return text;
  if (!/^basic$/i.test(scheme ?? '')) return undefined;
  const userAndPassword = Buffer.from(text, 'base64').toString();
  const password = userAndPassword.slice(userAndPassword.indexOf(':') + 1);
  return userAndPassword.includes(':') && password !== '' ? password : undefined;
}
