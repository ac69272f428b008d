import { readSync } from 'node:fs';
import type { Span } from './line-writer.js';

/** Bytes that are read at once: results that stand near each other in a file come nearly in its order. */
const WINDOW_BYTES = 1_048_576;

/** Reads pieces of a file; neighbours are read from disk once. */
export class SpanReader {
  #room = Buffer.allocUnsafe(WINDOW_BYTES);
  /** What of it is filled, and where in the file that begins. */
  #window = this.#room.subarray(0, 0);
  #start = 0;

  constructor(private readonly file: number) {}

  /** The piece's bytes, as long as nothing else is read. */
  read({ offset, length }: Span): Buffer {
    const isInside = offset >= this.#start && offset + length <= this.#start + this.#window.length;
    if (!isInside) this.#move(offset, length);
    const at = offset - this.#start;
    return this.#window.subarray(at, at + length);
  }

  /** Puts a piece in the middle of the window, because the next one may stand before it. */
  #move(offset: number, length: number): void {
    this.#start = Math.max(0, offset - WINDOW_BYTES / 2);
    const size = Math.max(WINDOW_BYTES, offset + length - this.#start);
    if (size > this.#room.length) this.#room = Buffer.allocUnsafe(size);
    let filled = 0;
    while (filled < size) {
      const read = readSync(this.file, this.#room, filled, size - filled, this.#start + filled);
      if (read === 0) break;
      filled += read;
    }
    this.#window = this.#room.subarray(0, filled);
  }
}
