import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** A prefix that scanners for leaked secrets can look for, the public id, and 256 random bits. */
const SHAPE = /^tdc_([0-9a-f]{16})_[\w-]{43}$/;

/** A key when it is made: the text is shown once, the hash is kept. */
export interface NewKey {
  readonly keyId: string;
  readonly text: string;
  /** SHA-256 of the text. */
  readonly hash: Buffer;
}

/** Makes a key. */
export function makeKey(): NewKey {
  const keyId = randomBytes(8).toString('hex');
  const text = `tdc_${keyId}_${randomBytes(32).toString('base64url')}`;
  return { keyId, text, hash: hashKey(text) };
}

/**
 * SHA-256 of a key. A slow hash would protect what people think up; nobody can guess 256 random bits, and a slow hash on
 * every request would let anybody keep the server busy.
 */
export function hashKey(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Whether the text could be a key of ours. */
export function isKeyShaped(text: string): boolean {
  return SHAPE.test(text);
}

/** The public half of a text that has the shape of a key. */
export function keyIdOf(text: string): string | undefined {
  return SHAPE.exec(text)?.[1];
}

/** Whether two hashes are the same, in a time that does not depend on where they differ. */
export function sameHash(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
