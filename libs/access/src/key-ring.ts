import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { LOGGER, messageOf, type Logger } from '@app/observability';
import { ApiKeyRepository, type ActiveApiKey } from '@app/persistence';
import { Access } from './access.js';
import { hashKey, keyIdOf, sameHash } from './key-text.js';
import type { KeyVerifier } from './key-verifier.js';
import type { RequiredScope } from './scope.js';

/** A revoked key works for no longer than this, in any process. */
const STALE_MS = 2_000;
/** A key that is not known may be a new one: the keys are read again, but not more often than this; it waits for that. */
const BETWEEN_READS_MS = 100;
/** While the database is away nobody can revoke a key either: those that worked go on working for a while. */
const GRACE_MS = 60_000;
/** Times of use are written this often, not with each request. */
const USES_EVERY_MS = 30_000;
/** Compared against where there is no such key, so that an unknown key costs what a wrong one costs. */
const NOBODY = Buffer.alloc(32);

/**
 * The keys that work, in memory: read from the database at most once in two seconds however many requests come, and at most
 * ten times a second for keys that are not among them.
 */
@Injectable()
export class KeyRing implements KeyVerifier, OnApplicationBootstrap, OnModuleDestroy {
  #keys: ReadonlyMap<string, ActiveApiKey> = new Map();
  #readAt = -Infinity;
  #startedAt = -Infinity;
  #coming: Promise<void> | undefined;
  #uses = new Map<string, Date>();
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly repository: ApiKeyRepository,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  async verify(text: string, address: string): Promise<Access | undefined> {
    const hash = hashKey(text);
    const keyId = keyIdOf(text) ?? '';
    if (performance.now() - this.#readAt > STALE_MS) await this.#refresh();
    let key = this.#match(keyId, hash);
    if (!key) {
      await this.#refresh();
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

  /** Resolves when the keys are those of now or later; all who wait for it share one reading. */
  async #refresh(): Promise<void> {
    try {
      await (this.#coming ??= this.#readSoon());
    } catch (error) {
      if (performance.now() - this.#readAt > GRACE_MS) throw error;
    }
  }

  async #readSoon(): Promise<void> {
    const wait = this.#startedAt + BETWEEN_READS_MS - performance.now();
    await (wait > 0 ? sleep(wait) : undefined);
    // Who comes from here on wants what this reading may be too early for.
    this.#coming = undefined;
    this.#startedAt = performance.now();
    await this.#read();
  }

  async #read(): Promise<void> {
    // What is revoked while the rows come may or may not be among them: the age counts from before.
    const begin = this.#startedAt;
    const rows = await this.repository.active();
    if (begin < this.#readAt) return;
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
