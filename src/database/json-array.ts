import { BinaryWriter, mostBytes } from './binary-writer.js';

/** JSON as text, or as the bytes in which it came or went. */
export type JsonText = string | Buffer;

/** PostgreSQL's number for the type json, the same in every database. */
const JSON_OID = 114;

/**
 * JSON texts as one parameter of the type `json[]`, in PostgreSQL's binary format, which the driver uses for bytes. As
 * text each would have to be quoted within the array's own text, and be searched for quotes by both sides.
 */
export function jsonArray(texts: readonly (JsonText | null)[]): Buffer {
  const writer = new BinaryWriter(mostBytes(texts));
  writer.elements(JSON_OID, texts);
  return writer.written;
}
