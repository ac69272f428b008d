/** Why a text is not accepted as one JSON value; the words finish "The reply …" and quote nothing of the text. */
export class NotStrictJson extends Error {}

/**
 * Parses a text that must be exactly one JSON value and mean one thing: no duplicate keys, no lone surrogates.
 * (JSON.parse takes the last of two equal keys and lets half a character pass.)
 * @throws NotStrictJson
 */
export function parseStrictJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new NotStrictJson('is not one JSON value');
  }
  if (hasDuplicateKey(text)) throw new NotStrictJson('has a key twice in one object');
  if (hasLoneSurrogate(value)) throw new NotStrictJson('has half of a surrogate pair in a text');
  return value;
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
