import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { LOGGER, messageOf, type Logger } from '@app/observability';
import { ApiKeyRepository, type ActiveApiKey } from '@app/persistence';
import { Access } from './access.js';
import { hashKey, keyIdOf, sameHash } from './key-text.js';
import type { KeyVerifier } from './key-verifier.js';
import type { RequiredScope } from './scope.js';

/** A revoked key works for no longer than this, in any process. */
const STALE_MS = 2_000;
/** A key that is not known may be a new one: the keys are read again, but not more often than this. */
const JUST_READ_MS = 100;
/** While the database is away nobody can revoke a key either: those that worked go on working for a while. */
const GRACE_MS = 60_000;
/** Times of use are written this often, not with each request. */
const USES_EVERY_MS = 30_000;
/** Compared against where there is no such key, so that an unknown key costs what a wrong one costs. */
const NOBODY = Buffer.alloc(32);

/**
 * The keys that work, in memory: read from the database at most once in two seconds however many requests come, and once
 * more for a key that is not among them.
 */
@Injectable()
export class KeyRing implements KeyVerifier, OnApplicationBootstrap, OnModuleDestroy {
  #keys: ReadonlyMap<string, ActiveApiKey> = new Map();
  #readAt = -Infinity;
  #reading: Promise<void> | undefined;
  #uses = new Map<string, Date>();
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly repository: ApiKeyRepository,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  async verify(text: string, address: string): Promise<Access | undefined> {
    const hash = hashKey(text);
    const keyId = keyIdOf(text) ?? '';
    await this.#refresh(STALE_MS);
    let key = this.#match(keyId, hash);
    if (!key) {
      await this.#refresh(JUST_READ_MS);
      key = this.#match(keyId, hash);
    }
    if (!key) return undefined;
    this.#uses.set(key.keyId, new Date());
    const caller = { kind: isOfRole(key) ? 'role' : 'key', keyId: key.keyId, name: key.name, address } as const;
    return new Access(caller, new Set(key.scopes as RequiredScope[]), key.itemPrefixes);
  }

  onApplicationBootstrap(): void {
    this.#timer = setInterval(() => void this.#writeUses(), USES_EVERY_MS).unref();
  }

  async onModuleDestroy(): Promise<void> {
    clearInterval(this.#timer);
    await this.#writeUses();
  }

  #match(keyId: string, hash: Buffer): ActiveApiKey | undefined {
    const key = this.#keys.get(keyId);
    const isSame = sameHash(hash, key?.hash ?? NOBODY);
    const isAlive = key?.expiresAt === null || (key?.expiresAt.getTime() ?? 0) > Date.now();
    return isSame && isAlive ? key : undefined;
  }

  async #refresh(olderThanMs: number): Promise<void> {
    if (performance.now() - this.#readAt <= olderThanMs) return;
    try {
      await (this.#reading ??= this.#read().finally(() => (this.#reading = undefined)));
    } catch (error) {
      if (performance.now() - this.#readAt > GRACE_MS) throw error;
    }
  }

  async #read(): Promise<void> {
    // What is revoked while the rows come may or may not be among them: the age counts from before.
    const begin = performance.now();
    const rows = await this.repository.active();
    this.#keys = new Map(rows.map((row) => [row.keyId, row]));
    this.#readAt = begin;
  }

  async #writeUses(): Promise<void> {
    const uses = this.#uses;
    this.#uses = new Map();
    try {
      await this.repository.used(uses);
    } catch (error) {
      this.logger.warn({ reason: messageOf(error), keys: uses.size }, 'when keys were used last could not be stored');
    }
  }
}

function isOfRole(key: ActiveApiKey): boolean {
  return key.scopes.includes('internal');
}
