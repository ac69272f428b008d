import { BinaryWriter, JSONB_OID, mostBytes } from './binary-writer.js';

/** JSON as text, or as the bytes in which it came or went. */
export type JsonText = string | Buffer;

/** PostgreSQL's numbers for its types of JSON, the same in every database. */
const OIDS = { json: 114, jsonb: JSONB_OID } as const;

/**
 * JSON texts as one parameter of the type `json[]` or `jsonb[]`, in PostgreSQL's binary format, which the driver uses for
 * bytes. As text each would have to be quoted within the array's own text, and be searched for quotes by both sides.
 */
export function jsonArray(
  texts: readonly (JsonText | null | undefined)[],
  type: keyof typeof OIDS = 'json',
): Buffer {
  const values = texts.map((text) => text ?? null);
  const writer = new BinaryWriter(mostBytes(values));
  writer.elements(OIDS[type], values);
  return writer.written;
}

/**
 * JSON that jsonb takes: it stores texts, which have neither NUL nor halves of surrogate pairs, where the type json keeps
 * their escapes. They become U+FFFD.
 */
export function storableJson(json: string): string {
  // Few texts have an escape of this kind, and looking for it costs next to nothing.
  return json.includes('\\u') ? json.replace(ESCAPE, replaced) : json;
}

/** Any escape, so that the second half of an escaped backslash begins none; a whole pair is one of them. */
const ESCAPE = /\\(?:u(?:d[89ab]..\\ud[c-f]..|....)|[^])/gi;

function replaced(escape: string): string {
  return /^\\u(?:0000|d[89a-f]..)$/i.test(escape) ? '\\ufffd' : escape;
}
