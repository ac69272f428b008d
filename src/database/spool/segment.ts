import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Piece, SegmentReader } from './segment-reader.js';

/**
 * What a segment begins with: name and version of the format. It may be damaged, so that another version needs records
 * which are none in this one.
 */
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
   * Reads a file from beginning to end, checking every record. What the disk does not give back is given up.
   * @returns nothing where the file is no segment, or one of another version
   */
  static async scan(path: string, time: number): Promise<Scan | undefined> {
    const segment = new Segment(path, time);
    try {
      return await segment.#scan();
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      segment.#damaged = true;
      return { segment, broken: 1, torn: false };
    }
  }

  async #scan(): Promise<Scan | undefined> {
    const start = await startOf(this.path);
    if (start.kind === 'torn') return { segment: this, broken: 0, torn: true };
    const reader = await SegmentReader.open(this.path, MAGIC.length);
    let broken = 0;
    try {
      if (start.kind === 'other') {
        if (!(await reader.seek(start.size))) return undefined;
        this.#offset = reader.offset;
        broken = 1;
      }
      for (;;) {
        const piece = await nextOf(reader, start.size);
        if (piece.kind === 'record') this.grow(1, piece.size);
        else if (piece.kind === 'broken') broken += 1;
        else {
          if (piece.kind === 'lost') broken += 1;
          this.#end = reader.offset;
          this.#damaged = broken > 0;
          return { segment: this, broken, torn: piece.kind === 'torn' };
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

  /**
   * A reader at the first record that is not handed over.
   * @returns nothing where the file is gone or the disk does not give it back: what it held is given up
   */
  async read(): Promise<SegmentReader | undefined> {
    try {
      return await SegmentReader.open(this.path, this.#offset);
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      this.handedOver({ records: [], bytes: 0, offset: this.#end });
      return undefined;
    }
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
      const piece = await nextOf(reader, end);
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
    if (this.#damaged || this.#records > 0)
      await rename(this.path, `${this.path}.damaged`).catch(ignoreUnreadable);
    else await rm(this.path, { force: true });
    return this.#records;
  }
}

/** A disk that does not give the bytes back is as good as bytes that are wrong. */
async function nextOf(reader: SegmentReader, end: number): Promise<Piece> {
  try {
    return await reader.next(end);
  } catch (error) {
    if (isUnreadable(error)) return { kind: 'lost' };
    throw error;
  }
}

function isUnreadable(error: unknown): boolean {
  return ['ENOENT', 'EIO'].includes((error as NodeJS.ErrnoException).code ?? '');
}

function ignoreUnreadable(error: unknown): void {
  if (!isUnreadable(error)) throw error;
}

/** How a file begins: as a segment does, in the middle of its first write, or otherwise. */
interface Start {
  readonly kind: 'sound' | 'torn' | 'other';
  /** Bytes of the file. */
  readonly size: number;
}

async function startOf(path: string): Promise<Start> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MAGIC.length), 0, MAGIC.length, 0);
    const start = buffer.subarray(0, bytesRead);
    if (start.equals(MAGIC)) return { kind: 'sound', size };
    const isTorn = MAGIC.indexOf(start) === 0;
    return { kind: isTorn || (await isZero(path, size)) ? 'torn' : 'other', size };
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
