import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SegmentReader } from './segment-reader.js';

/** What a segment begins with: name and version of the format. */
export const MAGIC = Buffer.from('spool 1\n');

const NAME = /^(\d{13,15})-[0-9a-f]{8}\.spool$/;

/** What was found in a file that has a segment's name. */
export interface Scan {
  readonly segment: Segment;
  /** Records that cannot be read; what is given up as a whole counts as one. */
  readonly broken: number;
  /** Whether it ends in the middle of a write that was never confirmed. */
  readonly torn: boolean;
}

/** Records that were read and not handed over yet. */
export interface Batch {
  readonly records: readonly string[];
  /** On disk. */
  readonly bytes: number;
  /** Where the next record begins. */
  readonly offset: number;
}

/** A file of records, and how far it has been handed over. How far is known in memory only. */
export class Segment {
  readonly path: string;
  /** Milliseconds since 1970, and later than that of every earlier segment: the order of the segments. */
  readonly time: number;
  #records = 0;
  #bytes = 0;
  #offset = MAGIC.length;
  #end = MAGIC.length;
  #damaged = false;

  constructor(path: string, time: number) {
    this.path = path;
    this.time = time;
  }

  /** The path of a new segment. */
  static pathOf(folder: string, time: number): string {
    return join(folder, `${String(time).padStart(13, '0')}-${randomBytes(4).toString('hex')}.spool`);
  }

  /** @returns the time in a segment's file name; nothing for any other name */
  static timeOf(name: string): number | undefined {
    const [, time] = NAME.exec(name) ?? [];
    return time === undefined ? undefined : Number(time);
  }

  /**
   * Reads a file from beginning to end, checking every record.
   * @returns nothing where the file is no segment, or one of another version
   */
  static async scan(path: string, time: number): Promise<Scan | undefined> {
    const segment = new Segment(path, time);
    const start = await startOf(path);
    if (start.kind === 'foreign') return undefined;
    if (start.kind === 'torn') return { segment, broken: 0, torn: true };
    const reader = await SegmentReader.open(path, MAGIC.length);
    let broken = 0;
    try {
      for (;;) {
        const piece = await reader.next(start.size);
        if (piece.kind === 'record') segment.grow(1, piece.size);
        else if (piece.kind === 'broken') broken += 1;
        else {
          if (piece.kind === 'lost') broken += 1;
          segment.#end = reader.offset;
          segment.#damaged = broken > 0;
          return { segment, broken, torn: piece.kind === 'torn' };
        }
      }
    } finally {
      await reader.close();
    }
  }

  /** Records that are not handed over. */
  get records(): number {
    return this.#records;
  }

  /** Bytes of those records on disk. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Where the last record that is safely on disk ends. */
  get end(): number {
    return this.#end;
  }

  /** Whether all that can be read has been handed over. */
  get isDone(): boolean {
    return this.#offset === this.#end;
  }

  /** A reader at the first record that is not handed over. */
  read(): Promise<SegmentReader> {
    return SegmentReader.open(this.path, this.#offset);
  }

  /** Tells that records are safely on disk. */
  grow(records: number, bytes: number): void {
    this.#records += records;
    this.#bytes += bytes;
    this.#end += bytes;
  }

  /**
   * Reads up to so many records. None means that no more can be read.
   * @param reader where the last batch ended
   */
  async readBatch(reader: SegmentReader, records: number): Promise<Batch> {
    const texts: string[] = [];
    let size = 0;
    while (texts.length < records) {
      const end = this.#end;
      const piece = await reader.next(end);
      if (piece.kind === 'record') {
        texts.push(piece.text.toString());
        size += piece.size;
      } else if (piece.kind !== 'broken') {
        // Sound when the file was opened, unreadable now: what is behind it is given up.
        if (piece.kind !== 'end' && texts.length === 0) return { records: [], bytes: 0, offset: end };
        break;
      }
    }
    return { records: texts, bytes: size, offset: reader.offset };
  }

  /** Tells that a batch has been handed over. */
  handedOver(batch: Batch): void {
    this.#records -= batch.records.length;
    this.#bytes -= batch.bytes;
    this.#offset = batch.offset;
  }

  /**
   * Takes the file out of the spool: it is deleted, or renamed to `.damaged` where something in it cannot be read.
   * @returns how many records have become unreadable since the file was opened
   */
  async retire(): Promise<number> {
    if (this.#damaged || this.#records > 0) await rename(this.path, `${this.path}.damaged`);
    else await rm(this.path, { force: true });
    return this.#records;
  }
}

type Start =
  | { readonly kind: 'sound'; readonly size: number }
  | { readonly kind: 'torn' }
  | { readonly kind: 'foreign' };

async function startOf(path: string): Promise<Start> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MAGIC.length), 0, MAGIC.length, 0);
    const start = buffer.subarray(0, bytesRead);
    if (start.equals(MAGIC)) return { kind: 'sound', size };
    const isTorn = MAGIC.indexOf(start) === 0;
    return { kind: isTorn || (await isZero(path, size)) ? 'torn' : 'foreign' };
  } finally {
    await file.close();
  }
}

/** Whether a file is nothing but zeros: it had grown already when the power went, and nothing in it was confirmed. */
async function isZero(path: string, size: number): Promise<boolean> {
  const reader = await SegmentReader.open(path, 0);
  try {
    return await reader.isZero(size);
  } finally {
    await reader.close();
  }
}
