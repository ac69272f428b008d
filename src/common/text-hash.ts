import { hash } from 'node:crypto';

/** First 12 hex digits of a text's SHA-256: enough to tell the versions of a prompt or a schema apart. */
export function textHash(text: string): string {
  return hash('sha256', text).slice(0, 12);
}
