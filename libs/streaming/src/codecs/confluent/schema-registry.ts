import { PlatformError, messageOf, type ErrorCode } from '@app/observability';

import { show } from '../../declarations.js';
import { isObject, type JsonObject } from '../codec.js';
import { AvroSchemas } from './avro-reader.js';
import { isWireFormat, schemaIdOf } from './wire-format.js';

/** Where the registry is and how to be let in. */
export interface RegistrySettings {
  /** Base of the registry's API, which may have a path. */
  readonly url: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly token?: string | undefined;
}

/** How the payload of a record is read, or why it can't be. */
export type Schema =
  | { readonly kind: 'avro'; readonly read: (bytes: Buffer) => unknown }
  | { readonly kind: 'json' }
  | { readonly kind: 'unusable'; readonly code: ErrorCode; readonly message: string };

const SCHEMA_NOT_FOUND = 40_403;
const TIMEOUT_MS = 10_000;
/** A registry that follows another one may learn of a new schema a moment later. */
const FORGET_UNKNOWN_MS = 30_000;
const LOOKUPS_AT_ONCE = 8;
const DEEPEST_REFERENCE = 16;

/**
 * Schemas by id out of a registry with Confluent's API (Confluent, Karapace, Apicurio, Redpanda). A schema never changes,
 * so it is asked for once; that an id is unknown is remembered for half a minute.
 */
export class SchemaRegistry {
  readonly #schemas = new Map<number, Schema>();
  /** Until when an id counts as unknown, epoch milliseconds. */
  readonly #unknown = new Map<number, number>();

  constructor(
    private readonly settings: RegistrySettings,
    private readonly now: () => number = Date.now,
  ) {}

  /** The schema of an id that `load` has looked up; what is not there then is nowhere. */
  get(id: number): Schema {
    if (this.settings.url === undefined) {
      return unusable('SCHEMA_UNKNOWN', `schema ${id} can't be looked up; set SCHEMA_REGISTRY_URL`);
    }
    const remedy = 'does SCHEMA_REGISTRY_URL name the registry of its producer?';
    return this.#schemas.get(id) ?? unusable('SCHEMA_UNKNOWN', `the registry has no schema ${id}; ${remedy}`);
  }

  /**
   * Looks up what records in wire format need, their keys included.
   *
   * @throws PlatformError SCHEMA_REGISTRY_UNAVAILABLE when the registry does not answer as one does: try again.
   */
  async load(
    records: readonly { readonly value: Buffer | null; readonly key?: Buffer | null }[],
    signal?: AbortSignal,
  ): Promise<void> {
    if (this.settings.url === undefined) return;
    const missing = new Set<number>();
    for (const { value, key } of records) {
      if (value === null || !isWireFormat(value)) continue;
      for (const bytes of key && isWireFormat(key) ? [value, key] : [value]) {
        const id = schemaIdOf(bytes);
        if (!this.#schemas.has(id) && !((this.#unknown.get(id) ?? 0) > this.now())) missing.add(id);
      }
    }
    const ids = [...missing];
    for (let at = 0; at < ids.length; at += LOOKUPS_AT_ONCE) {
      await Promise.all(ids.slice(at, at + LOOKUPS_AT_ONCE).map((id) => this.#look(id, signal)));
    }
  }

  async #look(id: number, signal: AbortSignal | undefined): Promise<void> {
    const found = await this.#ask(`/schemas/ids/${id}`, signal);
    if (found) {
      this.#schemas.set(id, await this.#parse(id, found, signal));
      return;
    }
    // Ids are up to whoever writes records: what is remembered must not grow without end.
    for (const [old, until] of this.#unknown) if (until <= this.now()) this.#unknown.delete(old);
    this.#unknown.set(id, this.now() + FORGET_UNKNOWN_MS);
  }

  async #parse(id: number, found: JsonObject, signal: AbortSignal | undefined): Promise<Schema> {
    const type = found['schemaType'] ?? 'AVRO';
    if (type === 'JSON') return { kind: 'json' };
    if (type !== 'AVRO') {
      return unusable('SCHEMA_UNUSABLE', `schema ${id} is of type ${show(type)}; send Avro or JSON`);
    }
    const schemas = new AvroSchemas();
    try {
      await this.#readReferences(found['references'], schemas, signal, DEEPEST_REFERENCE);
      return { kind: 'avro', read: schemas.reader(JSON.parse(String(found['schema']))) };
    } catch (error) {
      if (error instanceof PlatformError) throw error;
      return unusable(
        'SCHEMA_UNUSABLE',
        `schema ${id} can't be used (${messageOf(error).slice(0, 200)}); register it anew`,
      );
    }
  }

  /** Types that a schema takes from other subjects, theirs first. */
  async #readReferences(
    references: unknown,
    schemas: AvroSchemas,
    signal: AbortSignal | undefined,
    depth: number,
  ): Promise<void> {
    if (depth === 0) throw new Error('references are nested too deeply');
    for (const reference of Array.isArray(references) ? references.filter(isObject) : []) {
      const subject = encodeURIComponent(String(reference['subject']));
      const version = encodeURIComponent(String(reference['version']));
      const found = await this.#ask(`/subjects/${subject}/versions/${version}`, signal);
      if (!found) throw new Error(`${String(reference['subject'])} version ${String(reference['version'])} is missing`);
      await this.#readReferences(found['references'], schemas, signal, depth - 1);
      schemas.reader(JSON.parse(String(found['schema'])));
    }
  }

  /** What the registry says, or undefined when it has no such thing. */
  async #ask(path: string, signal: AbortSignal | undefined): Promise<JsonObject | undefined> {
    const timeout = AbortSignal.timeout(TIMEOUT_MS);
    try {
      const response = await fetch(`${this.settings.url!.replace(/\/+$/, '')}${path}`, {
        headers: {
          accept: 'application/vnd.schemaregistry.v1+json, application/json',
          ...authorization(this.settings),
        },
        signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      });
      const answer: unknown = await response.json().catch(() => undefined);
      if (response.ok && isObject(answer) && typeof answer['schema'] === 'string') return answer;
      if (response.status === 404 && isObject(answer) && isNotFound(answer['error_code'])) return undefined;
      throw new Error(`it answers ${response.status}${isObject(answer) ? ` (${String(answer['message'])})` : ''}`);
    } catch (error) {
      // fetch says "fetch failed", and why in the cause.
      const reason = messageOf((isObject(error) && error['cause']) || error);
      throw new PlatformError(
        'SCHEMA_REGISTRY_UNAVAILABLE',
        `the schema registry of SCHEMA_REGISTRY_URL can't be asked for ${path}: ${reason.slice(0, 200)}`,
        {},
        { cause: error },
      );
    }
  }
}

/** 404 alone may be a wrong path: only the codes of its own say that a subject, version or schema is not there. */
function isNotFound(code: unknown): boolean {
  return typeof code === 'number' && code > 40_400 && code <= SCHEMA_NOT_FOUND;
}

function authorization({ username, password, token }: RegistrySettings): Record<string, string> {
  if (token !== undefined) return { authorization: `Bearer ${token}` };
  if (username === undefined) return {};
  return { authorization: `Basic ${Buffer.from(`${username}:${password ?? ''}`).toString('base64')}` };
}

function unusable(code: ErrorCode, message: string): Schema {
  return { kind: 'unusable', code, message };
}
