import { createHash, timingSafeEqual } from 'node:crypto';
import type { Caller } from '../common/call-context.js';

/** A key that lets its bearer in; of its secret only the digest is kept. */
export interface KnownKey extends Caller {
  readonly digest: Buffer;
}

export function digestOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

/** Compares with every key in constant time, so that the time tells nothing about any of them. */
export function findKey(secret: string, keys: readonly KnownKey[]): KnownKey | undefined {
  const digest = digestOf(secret);
  let found: KnownKey | undefined;
  for (const key of keys) {
    if (timingSafeEqual(key.digest, digest)) found = key;
  }
  return found;
}
