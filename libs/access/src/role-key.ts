import { hostname } from 'node:os';
import { Injectable } from '@nestjs/common';
import { ApiKeyRepository } from '@app/persistence';
import { makeKey } from './key-text.js';

const LIFE_MS = 60 * 60_000;
const RENEW_BEFORE_MS = LIFE_MS / 2;

/**
 * How a role shows another one that it is part of the same installation: with a key that it makes for itself in the database
 * which both have. The key lives in memory only, for an hour, so that there is no secret to hand out or to keep.
 */
@Injectable()
export class RoleKey {
  #text = '';
  #expiresAt = 0;
  #making: Promise<void> | undefined;

  constructor(private readonly keys: ApiKeyRepository) {}

  /** Headers for a request to another role. @throws where the database is away and the last key has expired. */
  async headers(): Promise<Record<string, string>> {
    if (Date.now() > this.#expiresAt - RENEW_BEFORE_MS) {
      const made = (this.#making ??= this.#make().finally(() => (this.#making = undefined)));
      if (Date.now() > this.#expiresAt) await made;
      else made.catch(() => undefined);
    }
    return { 'x-api-key': this.#text };
  }

  async #make(): Promise<void> {
    const { keyId, text, hash } = makeKey();
    const expiresAt = new Date(Date.now() + LIFE_MS);
    const name = `role at ${hostname()}:${process.pid}`;
    const scopes = ['internal'];
    await this.keys.create({ keyId, name, hash, scopes, itemPrefixes: null, createdBy: name, expiresAt });
    this.#text = text;
    this.#expiresAt = expiresAt.getTime();
    await this.keys.removeExpiredRoleKeys();
  }
}
