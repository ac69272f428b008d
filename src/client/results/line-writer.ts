import { ftruncateSync, writeSync } from 'node:fs';
import type { ResultLayout } from './result-format.js';

/** Bytes in a file. */
export interface Span {
  readonly offset: number;
  readonly length: number;
}

/** Bytes that wait for `flush`; a longer line makes room for itself. */
const ROOM = 1_048_576;

/** Bytes of UTF-8 that a UTF-16 unit takes at the most. */
const MOST_BYTES_PER_UNIT = 3;

/**
 * Writes lines into a file that is whole after each write. Lines wait in memory until `flush`. After a write that failed
 * the file has as many of them as there was room for.
 */
export class LineWriter {
  /** Where the tail begins in the file. */
  #end: number;
  #room = Buffer.allocUnsafe(ROOM);
  /** Bytes of it that wait, and where each line ends in them. */
  #waiting = 0;
  readonly #lineEnds: number[] = [];
  #isEmpty = true;

  /** Begins an empty file. */
  constructor(
    private readonly file: number,
    private readonly layout: ResultLayout,
  ) {
    this.#end = Buffer.byteLength(layout.head);
    writeWhole(file, Buffer.from(layout.head + layout.emptyTail), 0);
  }

  /**
   * Takes a line.
   * @returns where it will stand
   * @throws the error of the file system, where others had to be written first
   */
  add(line: string | Uint8Array): Span {
    const { beforeFirst, between, tail } = this.layout;
    const before = this.#isEmpty ? beforeFirst : between;
    const most = typeof line === 'string' ? line.length * MOST_BYTES_PER_UNIT : line.length;
    this.#makeRoom(before.length + most + tail.length);
    this.#isEmpty = false;
    const start = this.#waiting + this.#room.write(before, this.#waiting);
    const length = this.#put(line, start);
    this.#waiting = start + length;
    this.#lineEnds.push(this.#waiting);
    return { offset: this.#end + start, length };
  }

  /** Writes what waits. @throws the error of the file system */
  flush(): void {
    if (this.#waiting === 0) return;
    const length = this.#waiting;
    const withTail = length + this.#room.write(this.layout.tail, length);
    this.#waiting = 0;
    let written = 0;
    try {
      while (written < withTail)
        written += writeSync(this.file, this.#room, written, withTail - written, this.#end + written);
    } catch (error) {
      this.#cutAfterWhole(written);
      throw error;
    }
    this.#end += length;
    this.#lineEnds.length = 0;
  }

  #put(line: string | Uint8Array, start: number): number {
    if (typeof line === 'string') return this.#room.write(line, start);
    this.#room.set(line, start);
    return line.length;
  }

  #makeRoom(bytes: number): void {
    if (this.#waiting + bytes <= this.#room.length) return;
    this.flush();
    if (bytes > this.#room.length) this.#room = Buffer.allocUnsafe(bytes);
  }

  /** Ends the file behind the last line that is whole: where `written` bytes have their place, its tail has one. */
  #cutAfterWhole(written: number): void {
    const { head, tail, emptyTail } = this.layout;
    const kept = this.#lineEnds.findLast((end) => end + tail.length <= written) ?? 0;
    this.#end += kept;
    const end = Buffer.from(this.#end === Buffer.byteLength(head) ? emptyTail : tail);
    writeWhole(this.file, end, this.#end);
    ftruncateSync(this.file, this.#end + end.length);
  }
}

function writeWhole(file: number, bytes: Buffer, position: number): void {
  for (let at = 0; at < bytes.length;) {
    at += writeSync(file, bytes, at, bytes.length - at, position + at);
  }
}
