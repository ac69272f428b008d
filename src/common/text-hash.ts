import { createHash } from 'node:crypto';

/** First 12 hex digits of a text's SHA-256: enough to tell the versions of a prompt or a schema apart. */
export function textHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}
