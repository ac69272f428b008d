/** Bytes of the number in front of every value that says how long it is. */
const LENGTH_BYTES = 4;

/** The length of a value that is null. */
const NULL_LENGTH = -1;

/** Bytes that a UTF-16 unit takes in UTF-8 at the most. */
const MOST_BYTES_PER_UNIT = 3;

/**
 * Bytes in front of an array's elements: dimensions, whether there are nulls, the type, how many, and the first one's
 * index.
 */
const ARRAY_HEADER_BYTES = 20;

/** Bytes of any value that is no text, the length included. */
const MOST_SCALAR_BYTES = LENGTH_BYTES + 16;

/** The version of the format in which jsonb is sent, one byte in front of its text. */
const JSONB_VERSION = 1;

/** Bytes in front of a text: its length and, of jsonb, the version. */
const TEXT_HEADER_BYTES = LENGTH_BYTES + 1;

/** PostgreSQL's number for the type jsonb, the same in every database. */
export const JSONB_OID = 3802;

/** How many bytes a value takes at the most, with its length. */
export function mostBytes(value: unknown): number {
  if (typeof value === 'string') return TEXT_HEADER_BYTES + value.length * MOST_BYTES_PER_UNIT;
  if (Buffer.isBuffer(value)) return TEXT_HEADER_BYTES + value.length;
  if (!Array.isArray(value)) return MOST_SCALAR_BYTES;
  return value.reduce<number>((sum, element) => sum + mostBytes(element), LENGTH_BYTES + ARRAY_HEADER_BYTES);
}

/**
 * Writes values one behind the other in PostgreSQL's binary format: each is a length in bytes, as a signed 32-bit number,
 * and what the `*_recv` function of its type reads; all numbers are big-endian. Those functions are in PostgreSQL's
 * src/backend/utils/adt: int.c, float.c, bool.c, varlena.c, uuid.c, timestamp.c, json.c, jsonb.c and
 * arrayfuncs.c.
 */
export class BinaryWriter {
  readonly #bytes: Buffer;
  #at = 0;

  /** @param most bytes that all values take at the most, see `mostBytes` */
  constructor(most: number) {
    this.#bytes = Buffer.allocUnsafe(most);
  }

  /** What has been written. */
  get written(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }

  /** Bytes as they are, without a length. */
  raw(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** A number without a length. */
  int16(value: number): void {
    this.#at = this.#bytes.writeInt16BE(value, this.#at);
  }

  /** A number without a length. */
  int32(value: number): void {
    this.#at = this.#bytes.writeInt32BE(value, this.#at);
  }

  null(): void {
    this.int32(NULL_LENGTH);
  }

  boolean(value: boolean): void {
    this.int32(1);
    this.#at = this.#bytes.writeUInt8(value ? 1 : 0, this.#at);
  }

  /** @throws RangeError where it is no integer of 32 bits */
  integer(value: number): void {
    if (value !== (value | 0)) throw new RangeError(`${value} is no integer of 32 bits.`);
    this.int32(4);
    this.int32(value);
  }

  /** @throws RangeError where it is too large for 32 bits, or too small, which PostgreSQL refuses as well */
  real(value: number): void {
    const rounded = Math.fround(value);
    if (!Number.isFinite(rounded) || (rounded === 0 && value !== 0)) {
      throw new RangeError(`${value} is no number of the type real.`);
    }
    this.int32(4);
    // JSON, by which other rows go, knows no zero below zero.
    this.#at = this.#bytes.writeFloatBE(rounded + 0, this.#at);
  }

  /** A number of 64 bits. */
  bigint(value: bigint): void {
    this.int32(8);
    this.#at = this.#bytes.writeBigInt64BE(value, this.#at);
  }

  /** @throws RangeError where it is none */
  uuid(value: string): void {
    this.int32(16);
    const length = this.#bytes.write(value.replaceAll('-', ''), this.#at, 'hex');
    if (length !== 16) throw new RangeError(`${value} is no UUID.`);
    this.#at += length;
  }

  /** Text or JSON, as UTF-8; half a surrogate pair becomes U+FFFD. */
  text(value: string | Buffer): void {
    const start = this.#at + LENGTH_BYTES;
    const length =
      typeof value === 'string' ? this.#bytes.write(value, start) : value.copy(this.#bytes, start);
    this.int32(length);
    this.#at = start + length;
  }

  /** JSON that the server takes apart, as UTF-8. */
  jsonb(value: string | Buffer): void {
    const lengthAt = this.#at;
    this.#at = this.#bytes.writeUInt8(JSONB_VERSION, lengthAt + LENGTH_BYTES);
    this.#at +=
      typeof value === 'string' ? this.#bytes.write(value, this.#at) : value.copy(this.#bytes, this.#at);
    this.#bytes.writeInt32BE(this.#at - lengthAt - LENGTH_BYTES, lengthAt);
  }

  /**
   * The inside of an array of one dimension.
   * @param type the elements' type, by its number in pg_type
   */
  elements(type: number, values: readonly (string | Buffer | null)[]): void {
    this.int32(values.length === 0 ? 0 : 1);
    this.int32(values.includes(null) ? 1 : 0);
    this.int32(type);
    if (values.length === 0) return;
    this.int32(values.length);
    this.int32(1);
    for (const value of values) {
      if (value === null) this.null();
      else if (type === JSONB_OID) this.jsonb(value);
      else this.text(value);
    }
  }

  /** An array of one dimension, with its length. */
  array(type: number, values: readonly (string | Buffer | null)[]): void {
    const lengthAt = this.#at;
    this.int32(0);
    this.elements(type, values);
    this.#bytes.writeInt32BE(this.#at - lengthAt - LENGTH_BYTES, lengthAt);
  }
}
