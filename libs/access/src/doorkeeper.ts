import { Inject, Injectable, Optional } from '@nestjs/common';
import { PlatformError } from '@app/observability';
import type { FastifyRequest } from 'fastify';
import { Access } from './access.js';
import { isKeyShaped } from './key-text.js';
import { KEY_VERIFIER, type KeyVerifier } from './key-verifier.js';
import { isLocal } from './local-caller.js';
import { presentedKey } from './presented-key.js';
import { SCOPES, type RequiredScope } from './scope.js';

/** Where a server listens, and who needs a key there. */
export interface Door {
  /** `auto`: everybody but this machine, where the server listens on loopback alone. */
  readonly keys: 'auto' | 'always' | 'never';
  /** The address that it is bound to. */
  readonly listening: string | undefined;
}

const EVERYTHING: ReadonlySet<RequiredScope> = new Set([...SCOPES, 'internal']);
const FOR_PEOPLE: ReadonlySet<RequiredScope> = new Set(SCOPES);

/** Finds out who asks, by the connection and by the key that came along. */
@Injectable()
export class Doorkeeper {
  constructor(@Optional() @Inject(KEY_VERIFIER) private readonly keys?: KeyVerifier) {}

  /** @throws PlatformError KEY_MISSING or KEY_INVALID for who may not come in. */
  async admit({ socket, headers }: FastifyRequest, { keys, listening }: Door): Promise<Access> {
    const address = socket.remoteAddress ?? 'unknown';
    const local = isLocal({ listening, peer: socket.remoteAddress, headers });
    const isFree = keys === 'never' || (keys === 'auto' && local);
    const key = presentedKey(headers);
    // Clients of other products insist on sending some key: where none is needed, what is none of ours is passed over.
    if (isFree && (key === undefined || !isKeyShaped(key))) return freeAccess(address, local);
    if (key === undefined) throw keyMissing();
    const access = await this.keys?.verify(key, address);
    if (!access) throw keyInvalid();
    return access;
  }
}

function freeAccess(address: string, local: boolean): Access {
  const caller = { kind: 'local', keyId: null, name: local ? 'local' : 'anybody', address } as const;
  return new Access(caller, local ? EVERYTHING : FOR_PEOPLE);
}

function keyMissing(): PlatformError {
  return new PlatformError(
    'KEY_MISSING',
    'a key is needed here: send it as "Authorization: Bearer <key>" or "X-API-Key: <key>"; "npm run keys -- create" makes one',
  );
}

// The same for a key that never was, has expired or was revoked: who has none is told nothing about keys.
function keyInvalid(): PlatformError {
  return new PlatformError('KEY_INVALID', 'the key is not known, has expired or was revoked; use another one');
}
