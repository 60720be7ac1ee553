import { isIP } from 'node:net';
import type { FastifyRequest } from 'fastify';

/** What a proxy adds: with one of them the caller is somewhere else, whoever holds the connection. */
const FORWARDED = [
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-real-ip',
  'via',
] as const;

/** What tells where a request comes from. */
export interface RequestOrigin {
  /** Address that the server listens on. */
  readonly listening: string | undefined;
  /** Address of the other end of the connection. */
  readonly peer: string | undefined;
  readonly headers: FastifyRequest['headers'];
}

/**
 * Whether a request comes from a person or a program on this machine, who needs no key. The server must listen on loopback
 * alone, the connection must come from loopback, and nothing may hint at somebody else behind it: headers can make a
 * caller remote, never local. A page of another site that the browser of this machine shows is somebody else (its Origin,
 * or after DNS rebinding its Host, says so).
 */
export function isLocal({ listening, peer, headers }: RequestOrigin): boolean {
  if (!isLoopback(listening) || !isLoopback(peer)) return false;
  if (FORWARDED.some((name) => headers[name] !== undefined)) return false;
  if (!isLoopbackName(hostname(`http://${headers.host ?? ''}`))) return false;
  return headers.origin === undefined || isLoopbackName(hostname(headers.origin));
}

/** Whether the address is this machine's own, as the system writes it. */
export function isLoopback(address: string | undefined): boolean {
  if (address === undefined) return false;
  const v4 = address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
  return address === '::1' || (isIP(v4) === 4 && v4.startsWith('127.'));
}

function isLoopbackName(name: string | undefined): boolean {
  return name === 'localhost' || isLoopback(name);
}

function hostname(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).hostname.replace(/^\[|\]$/g, '') : undefined;
}
