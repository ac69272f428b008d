import type { FieldError } from '../common/errors.js';
import { pointerTo } from './json-pointer.js';

/** Findings that are told of one value. */
const MAX_TOLD = 20;

/** What {@link isSoundText} asks of a text; the words finish a sentence. */
export const SOUND_TEXT = 'must be well-formed Unicode without NUL characters';

/** Whether a text may go to an engine: half a surrogate pair is refused by both, NUL has crashed a grammar compiler. */
export function isSoundText(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}

/**
 * Finds what JSON.parse makes of a JSON text and no engine should get: unsound texts and keys, and numbers beyond the
 * range of a double (`1e999`), which would be sent as null.
 * @param value what JSON.parse made of a text that is not nested deeply
 */
export function findUnsound(value: unknown, path: string): FieldError[] {
  const found: FieldError[] = [];
  const rest: [unknown, string][] = [[value, path]];
  for (let next = rest.pop(); next !== undefined && found.length < MAX_TOLD; next = rest.pop()) {
    const [item, where] = next;
    if (typeof item === 'string') {
      if (!isSoundText(item)) found.push({ path: where, message: SOUND_TEXT });
    } else if (typeof item === 'number') {
      if (!Number.isFinite(item))
        found.push({ path: where, message: 'must be a number within the range of a double' });
    } else if (typeof item === 'object' && item !== null) {
      for (const [key, own] of Object.entries(item)) {
        if (!isSoundText(key)) found.push({ path: where, message: `has a key that ${SOUND_TEXT}` });
        rest.push([own, pointerTo(where, key)]);
      }
    }
  }
  return found;
}
