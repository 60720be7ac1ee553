import type { Access } from './access.js';

/** Tells whose a key is. */
export interface KeyVerifier {
  /**
   * @param address of the other end of the connection.
   * @returns undefined for a text that is no key of ours, and for a key that has expired or was revoked.
   */
  verify(text: string, address: string): Promise<Access | undefined>;
}

/** Injection token of the KeyVerifier; a process without a database has none, and knows no key. */
export const KEY_VERIFIER = Symbol('KEY_VERIFIER');
