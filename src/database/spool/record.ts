import { crc32 } from 'node:zlib';

/**
 * Bytes in front of a record's text: the text's length in bytes, its CRC-32, and the CRC-32 of those two; each an
 * unsigned 32-bit number, big-endian. The header has a checksum of its own so that a damaged text does not hide the
 * records behind it, so that these can be searched for where a header is damaged, and so that zeros, which a file may end with after a power cut, are never read as empty records.
 */
export const HEADER_BYTES = 12;

const HEADER_CHECKSUM_AT = 8;

/** What a sound header says of the text behind it. */
export interface RecordHeader {
  /** Bytes. */
  readonly length: number;
  readonly checksum: number;
}

/** A record as it is written to disk. Half a surrogate pair, which UTF-8 cannot hold, becomes U+FFFD. */
export function encodeRecord(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + length);
  bytes.write(text, HEADER_BYTES);
  bytes.writeUInt32BE(length, 0);
  bytes.writeUInt32BE(crc32(bytes.subarray(HEADER_BYTES)), 4);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, HEADER_CHECKSUM_AT)), HEADER_CHECKSUM_AT);
  return bytes;
}

/** @returns nothing where the header is damaged */
export function readHeader(bytes: Buffer): RecordHeader | undefined {
  if (crc32(bytes.subarray(0, HEADER_CHECKSUM_AT)) !== bytes.readUInt32BE(HEADER_CHECKSUM_AT))
    return undefined;
  return { length: bytes.readUInt32BE(0), checksum: bytes.readUInt32BE(4) };
}
