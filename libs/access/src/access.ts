import { PlatformError } from '@app/observability';
import type { RequiredScope } from './scope.js';

/** Who asks: a key; this machine, without one; or another role of this installation. */
export interface Caller {
  readonly kind: 'key' | 'local' | 'role';
  /** Of a key: its public half, which also begins the key itself. */
  readonly keyId: string | null;
  /** Of a key: what it was named. */
  readonly name: string;
  /** Address of the other end of the connection. */
  readonly address: string;
}

/** What the caller of a request may do. */
export class Access {
  /**
   * @param scopes what the caller holds.
   * @param itemPrefixes begins of the ids of the items that it may see or change; null for all items. In SQL, as a
   * parameter: `($1::text[] IS NULL OR item_id ^@ ANY ($1))`.
   */
  constructor(
    readonly caller: Caller,
    readonly scopes: ReadonlySet<RequiredScope>,
    readonly itemPrefixes: readonly string[] | null = null,
  ) {}

  /** Whether it holds the scope, by itself or as part of `admin`. */
  allows(scope: RequiredScope): boolean {
    return this.scopes.has(scope) || (scope !== 'internal' && this.scopes.has('admin'));
  }

  /** @throws PlatformError SCOPE_MISSING naming the scope. */
  requireScope(scope: RequiredScope): void {
    if (this.allows(scope)) return;
    const message = `the key "${this.caller.name}" has not the scope ${scope}, only ${[...this.scopes].join(', ') || 'none'}; use one that has it`;
    throw new PlatformError('SCOPE_MISSING', message, { scope });
  }

  /** Whether it may see and change the item, whether or not there is one. */
  mayTouch(itemId: string): boolean {
    return this.itemPrefixes === null || this.itemPrefixes.some((prefix) => itemId.startsWith(prefix));
  }

  /** @throws PlatformError ITEM_FORBIDDEN naming the first item that it may not touch. */
  requireItems(...itemIds: readonly string[]): void {
    const itemId = itemIds.find((id) => !this.mayTouch(id));
    if (itemId === undefined) return;
    const message = `the key "${this.caller.name}" is for items that begin with ${this.#prefixes()}, not for "${itemId}"`;
    throw new PlatformError('ITEM_FORBIDDEN', message, { itemId });
  }

  /** Whether it may touch whatever a selector of series takes in: one that names no item takes in all. */
  mayTouchSelected(itemIds: readonly string[] | null | undefined): boolean {
    return this.itemPrefixes === null || (itemIds?.every((itemId) => this.mayTouch(itemId)) ?? false);
  }

  /** @throws PlatformError ITEM_FORBIDDEN where a selector takes in more than the items that it may touch. */
  requireSelected(itemIds: readonly string[] | null | undefined): void {
    if (itemIds) this.requireItems(...itemIds);
    else this.requireAllItems('what is not for items that are named');
  }

  /** @throws PlatformError ITEM_FORBIDDEN where it is for some items only, and `what` concerns all. */
  requireAllItems(what: string): void {
    if (this.itemPrefixes === null) return;
    const message = `the key "${this.caller.name}" is for items that begin with ${this.#prefixes()}, not for ${what}; use one without item prefixes`;
    throw new PlatformError('ITEM_FORBIDDEN', message);
  }

  #prefixes(): string {
    return (this.itemPrefixes ?? []).map((prefix) => `"${prefix}"`).join(' or ');
  }
}
