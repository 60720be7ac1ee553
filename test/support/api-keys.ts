import { makeKey, type Scope } from '@app/access';
import { ApiKeyRepository } from '@app/persistence';
import type { DataSource } from 'typeorm';
import type { Json } from './rest-process.js';

/** What a call with a key was answered. */
export interface Called {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Json;
}

/** A request to `/api/v1` with a key, or with whatever headers; a body is sent as JSON. */
export async function callWithKey(
  { url }: { readonly url: string },
  key: string | Record<string, string>,
  path: string,
  body?: unknown,
  method = body === undefined ? 'GET' : 'POST',
): Promise<Called> {
  const auth = typeof key === 'string' ? { authorization: `Bearer ${key}` } : key;
  const response = await fetch(`${url}/api/v1${path}`, {
    method,
    headers: body === undefined ? auth : { 'content-type': 'application/json', ...auth },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: (text === '' ? {} : JSON.parse(text)) as Json };
}

/** A key made behind the server's back, as the command makes it; its name begins with `name`. */
export async function storedKey(
  { dataSource }: { readonly dataSource: DataSource },
  scopes: readonly Scope[],
  { itemPrefixes = null, name = scopes.join('-') }: { itemPrefixes?: readonly string[] | null; name?: string } = {},
): Promise<string> {
  const { keyId, text, hash } = makeKey();
  const key = { keyId, name: `${name} ${keyId}`, hash, scopes, itemPrefixes, createdBy: 'test', expiresAt: null };
  await new ApiKeyRepository(dataSource).create(key);
  return text;
}
