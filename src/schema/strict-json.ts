import { type JsonListener, JsonReader } from './json-reader.js';

/** Why a text is not accepted as one JSON value; the words finish "The reply …" and quote nothing of the text. */
export class NotStrictJson extends Error {}

const NOBODY: JsonListener = { text: () => undefined, leaf: () => undefined };

/**
 * Parses a text that must be exactly one JSON value and mean one thing: no duplicate keys, no lone surrogates.
 * (JSON.parse takes the last of two equal keys and lets half a character pass.) Nesting ends at MAX_JSON_DEPTH.
 * @throws NotStrictJson
 */
export function parseStrictJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new NotStrictJson('is not one JSON value');
  }
  const reader = new JsonReader(NOBODY);
  reader.write(text);
  if (!reader.end()) throw new NotStrictJson(reader.problem ?? 'is not one JSON value');
  return value;
}
