import { PlatformError } from '@app/observability';
import type { FastifyInstance } from 'fastify';
import { Access, type Caller } from './access.js';
import type { Doorkeeper } from './admission.js';
import { presentedKey } from './presented-key.js';
import { isLocal } from './local-caller.js';
import { isKeyShaped } from './key-text.js';
import { SCOPES, type RequiredScope } from './scope.js';

/** Who a key belongs to, or undefined where it is no key of ours, has expired or was revoked. */
export interface KeyVerifier {
  verify(text: string, address: string): Promise<Access | undefined>;
}

/** What decides who needs a key. */
export interface DoorOptions {
  /** `auto`: everybody but this machine, where the server listens on loopback alone. */
  readonly keys: 'auto' | 'always' | 'never';
  /** Absent in a process without a database: then no key is known. */
  readonly verifier?: KeyVerifier | undefined;
}

const EVERYTHING: ReadonlySet<RequiredScope> = new Set([...SCOPES, 'internal']);
const ALL_SCOPES: ReadonlySet<RequiredScope> = new Set(SCOPES);

/** Finds out who asks, by the connection and by the key that came along. */
export function doorkeeper(fastify: FastifyInstance, { keys, verifier }: DoorOptions): Doorkeeper {
  return async (request) => {
    const address = request.socket.remoteAddress ?? 'unknown';
    const local = isLocal({
      listening: listeningOn(fastify),
      peer: request.socket.remoteAddress,
      headers: request.headers,
    });
    const isFree = keys === 'never' || (keys === 'auto' && local);
    const key = presentedKey(request.headers);
    // Clients of other products insist on sending some key: where none is needed, what is none of ours is passed over.
    if (isFree && (key === undefined || !isKeyShaped(key))) return freeAccess(address, local);
    if (key === undefined) throw keyMissing();
    const access = await verifier?.verify(key, address);
    if (!access) throw keyInvalid();
    return access;
  };
}

function freeAccess(address: string, local: boolean): Access {
  const caller: Caller = { kind: 'local', keyId: null, name: local ? 'local' : 'anybody', address };
  return new Access(caller, local ? EVERYTHING : ALL_SCOPES);
}

function listeningOn(fastify: FastifyInstance): string | undefined {
  const address = fastify.server.address();
  return typeof address === 'object' && address !== null ? address.address : undefined;
}

function keyMissing(): PlatformError {
  return new PlatformError(
    'KEY_MISSING',
    'a key is needed here: send it as "Authorization: Bearer <key>" or "X-API-Key: <key>"; "npm run keys -- create" makes one',
  );
}

// The same for a key that never was, has expired or was revoked: nothing is told about keys to who has none.
function keyInvalid(): PlatformError {
  return new PlatformError('KEY_INVALID', 'the key is not known, has expired or was revoked; use another one');
}
