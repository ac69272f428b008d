/** JSON as text, or as the bytes in which it came or went. */
export type JsonText = string | Buffer;

/** PostgreSQL's number for the type json, the same in every database. */
const JSON_OID = 114;

/** Bytes in front of the elements: dimensions, whether there are nulls, the type, how many, and the first one's index. */
const HEADER_BYTES = 20;

/** Bytes of an element's length. */
const LENGTH_BYTES = 4;

/** Bytes that a UTF-16 unit takes in UTF-8 at the most. */
const MOST_BYTES_PER_UNIT = 3;

/**
 * JSON texts as one parameter of the type `json[]`, in PostgreSQL's binary format, which the driver uses for bytes. As
 * text each would have to be quoted within the array's own text, and be searched for quotes by both sides.
 *
 * The format is that of `array_recv` in PostgreSQL's src/backend/utils/adt/arrayfuncs.c; json's own is its text.
 */
export function jsonArray(texts: readonly (JsonText | null)[]): Buffer {
  const most = texts.reduce((sum, text) => sum + LENGTH_BYTES + mostBytes(text), HEADER_BYTES);
  const bytes = Buffer.allocUnsafe(most);
  let at = 0;
  for (const field of [1, texts.includes(null) ? 1 : 0, JSON_OID, texts.length, 1]) {
    at = bytes.writeInt32BE(field, at);
  }
  for (const text of texts) {
    const start = at + LENGTH_BYTES;
    const length = text === null ? -1 : put(text, bytes, start);
    bytes.writeInt32BE(length, at);
    at = start + Math.max(length, 0);
  }
  return bytes.subarray(0, at);
}

function mostBytes(text: JsonText | null): number {
  return (text?.length ?? 0) * (typeof text === 'string' ? MOST_BYTES_PER_UNIT : 1);
}

/** @returns how many bytes it takes there */
function put(text: JsonText, bytes: Buffer, start: number): number {
  return typeof text === 'string' ? bytes.write(text, start) : text.copy(bytes, start);
}
