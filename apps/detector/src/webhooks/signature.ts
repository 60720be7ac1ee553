import { createHmac } from 'node:crypto';

/** What a receiver checks: HMAC-SHA256 over `<timestamp>.<body>` with the webhook's secret, in hex. */
export function signatureOf(secret: string, timestamp: string, body: string): string {
  return `sha256=${createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')}`;
}
