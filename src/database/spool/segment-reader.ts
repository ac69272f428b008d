import { open, type FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { HEADER_BYTES, readHeader, type RecordHeader } from './record.js';

/** Bytes read at once; a larger record is read alone. */
const CHUNK_BYTES = 1_048_576;

/** Bytes searched at once: every byte may begin a header, and others wait meanwhile. */
const SEARCH_BYTES = 65_536;

/**
 * What stands at a place of a segment: a record; damage, behind which the next is known from a sound header or found by
 * searching; the end; a torn tail, left by a process that died while it wrote, which is a record that the file is too
 * short for, or nothing but zeros; or other damage behind which no record is found.
 */
export type Piece =
  | {
      readonly kind: 'record';
      readonly text: Buffer;
      /** With its header, in bytes. */ readonly size: number;
    }
  | { readonly kind: 'broken' }
  | { readonly kind: 'end' }
  | { readonly kind: 'torn' }
  | { readonly kind: 'lost' };

/** Reads a segment's records one behind the other, a chunk of the file at a time. */
export class SegmentReader {
  readonly #file: FileHandle;
  #offset: number;
  /** What has been read of the file, from the offset on. */
  #window: Buffer = Buffer.alloc(0);

  private constructor(file: FileHandle, offset: number) {
    this.#file = file;
    this.#offset = offset;
  }

  /** @param offset where the first record begins */
  static async open(path: string, offset: number): Promise<SegmentReader> {
    return new SegmentReader(await open(path, 'r'), offset);
  }

  /** Where the next piece begins. */
  get offset(): number {
    return this.#offset;
  }

  /**
   * Reads the next piece and, for a record or a broken one, steps over it.
   * @param end where the segment ends; it may grow from call to call
   */
  async next(end: number): Promise<Piece> {
    if (this.#offset === end) return { kind: 'end' };
    const head = await this.#peek(HEADER_BYTES, end);
    if (!head) return { kind: 'torn' };
    const header = readHeader(head);
    if (!header) {
      if (await this.isZero(end)) return { kind: 'torn' };
      return { kind: (await this.seek(end)) ? 'broken' : 'lost' };
    }
    const size = HEADER_BYTES + header.length;
    const record = await this.#peek(size, end);
    if (!record) return { kind: 'torn' };
    this.#offset += size;
    this.#window = this.#window.subarray(size);
    const text = record.subarray(HEADER_BYTES);
    return crc32(text) === header.checksum ? { kind: 'record', text, size } : { kind: 'broken' };
  }

  /**
   * Moves to the next place, from this one on, where a whole record is sound. No record's text can be taken for one as
   * long as texts are JSON, which has no zeros: the length in a header that is made of text is beyond any segment's end.
   * @returns whether there is one; where not, the place stays
   */
  async seek(end: number): Promise<boolean> {
    let position = this.#offset;
    while (position + HEADER_BYTES <= end) {
      const bytes = await this.#read(position, Math.min(SEARCH_BYTES, end - position), HEADER_BYTES);
      const last = bytes.length - HEADER_BYTES;
      if (last < 0) break;
      for (let at = 0; at <= last; at += 1, position += 1) {
        // Most places need no checksum.
        if (bytes.readUInt32BE(at) > end - position - HEADER_BYTES) continue;
        const header = readHeader(bytes.subarray(at, at + HEADER_BYTES));
        if (!header || !(await this.#isSound(position + HEADER_BYTES, header))) continue;
        this.#offset = position;
        this.#window = Buffer.alloc(0);
        return true;
      }
    }
    return false;
  }

  /** Whether nothing but zeros follows: a file that had grown already when the power went. */
  async isZero(end: number): Promise<boolean> {
    let position = this.#offset;
    while (position < end) {
      const bytes = await this.#read(position, Math.min(CHUNK_BYTES, end - position), 1);
      if (bytes.some((byte) => byte !== 0)) return false;
      if (bytes.length === 0) break;
      position += bytes.length;
    }
    return true;
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  /** The next so many bytes; nothing where there are fewer. */
  async #peek(count: number, end: number): Promise<Buffer | undefined> {
    const left = end - this.#offset;
    if (count > left) return undefined;
    if (this.#window.length < count) {
      this.#window = await this.#read(this.#offset, Math.min(Math.max(count, CHUNK_BYTES), left), count);
    }
    return this.#window.length < count ? undefined : this.#window.subarray(0, count);
  }

  async #isSound(position: number, { length, checksum }: RecordHeader): Promise<boolean> {
    let sum = 0;
    for (let done = 0; done < length; done += CHUNK_BYTES) {
      sum = crc32(await this.#read(position + done, Math.min(CHUNK_BYTES, length - done)), sum);
    }
    return sum === checksum;
  }

  /**
   * Reads so many bytes; fewer only where the file is shorter than it was, or where the disk fails behind those that
   * are needed.
   */
  async #read(position: number, count: number, needed = count): Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(count);
    let filled = 0;
    try {
      while (filled < count) {
        const { bytesRead } = await this.#file.read(bytes, filled, count - filled, position + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
    } catch (error) {
      if (filled < needed) throw error;
    }
    return bytes.subarray(0, filled);
  }
}
