import { MAX_JSON_DEPTH } from '../../src/schema/json-reader.js';

/** Whether a text is one JSON value that means one thing, worked out otherwise than the code under test does it. */
export function isStrictJson(text: string): boolean {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return false;
  }
  return !hasDuplicateKey(text) && !hasLoneSurrogate(value) && depthOf(text) <= MAX_JSON_DEPTH;
}

/** Strings and brackets of JSON; whatever stands between them cannot hide a key. */
const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],]/g;

/**
 * Whether a key stands twice in one object of a valid JSON text, found in one pass.
 * Keys are compared as they read, so `"a"` and `"\u0061"` are equal.
 */
function hasDuplicateKey(json: string): boolean {
  /** One entry per open bracket: the keys seen so far, or nothing for an array. */
  const open: (Set<string> | undefined)[] = [];
  let keyExpected = false;
  for (const [token] of json.matchAll(TOKENS)) {
    if (token === '{') {
      open.push(new Set());
      keyExpected = true;
    } else if (token === '[') {
      open.push(undefined);
      keyExpected = false;
    } else if (token === '}' || token === ']') {
      open.pop();
      keyExpected = false;
    } else if (token === ',') {
      keyExpected = open.at(-1) !== undefined;
    } else if (keyExpected) {
      const key = JSON.parse(token) as string;
      const keys = open.at(-1);
      if (keys?.has(key)) return true;
      keys?.add(key);
      keyExpected = false;
    }
  }
  return false;
}

function hasLoneSurrogate(value: unknown): boolean {
  const rest = [value];
  while (rest.length > 0) {
    const item = rest.pop();
    if (typeof item === 'string') {
      if (!item.isWellFormed()) return true;
    } else if (typeof item === 'object' && item !== null) {
      for (const [key, own] of Object.entries(item)) {
        if (!key.isWellFormed()) return true;
        rest.push(own);
      }
    }
  }
  return false;
}

function depthOf(json: string): number {
  let depth = 0;
  let deepest = 0;
  for (const [token] of json.matchAll(TOKENS)) {
    if (token === '{' || token === '[') deepest = Math.max(deepest, ++depth);
    else if (token === '}' || token === ']') depth--;
  }
  return deepest;
}
