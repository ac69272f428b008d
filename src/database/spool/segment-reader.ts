import { open, type FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { HEADER_BYTES, readHeader } from './record.js';

/** Bytes read at once; a larger record is read alone. */
const CHUNK_BYTES = 1_048_576;

/**
 * What stands at a place of a segment: a record; one whose text is damaged, while its header says where the next
 * begins; the end; a torn tail, left by a process that died while it wrote; or damage behind which no record is found.
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
    if (!header) return { kind: (await this.isZero(end)) ? 'torn' : 'lost' };
    const size = HEADER_BYTES + header.length;
    const record = await this.#peek(size, end);
    if (!record) return { kind: 'torn' };
    this.#offset += size;
    this.#window = this.#window.subarray(size);
    const text = record.subarray(HEADER_BYTES);
    return crc32(text) === header.checksum ? { kind: 'record', text, size } : { kind: 'broken' };
  }

  /** Whether nothing but zeros follows: a file that had grown already when the power went. */
  async isZero(end: number): Promise<boolean> {
    for (let position = this.#offset; position < end; position += CHUNK_BYTES) {
      const bytes = await this.#read(position, Math.min(CHUNK_BYTES, end - position));
      if (bytes.some((byte) => byte !== 0)) return false;
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
      this.#window = await this.#read(this.#offset, Math.min(Math.max(count, CHUNK_BYTES), left));
    }
    return this.#window.length < count ? undefined : this.#window.subarray(0, count);
  }

  /** Fewer bytes than asked only where the file is shorter than it was. */
  async #read(position: number, count: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(count);
    let filled = 0;
    while (filled < count) {
      const { bytesRead } = await this.#file.read(bytes, filled, count - filled, position + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return bytes.subarray(0, filled);
  }
}
