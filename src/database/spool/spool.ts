import { mkdir, readdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { encodeRecord } from './record.js';
import { Segment } from './segment.js';
import { syncFolder } from '../sync-folder.js';
import { SegmentWriter } from './segment-writer.js';
import { isNoSpace, SpoolFull } from './spool-full.js';

/** Bytes behind which a segment is followed by a new one, and most bytes written with one fsync (and one record). */
const SEGMENT_BYTES = 8_388_608;

export interface SpoolOptions {
  /** For one process at a time; made where it does not exist. */
  readonly folder: string;
  /** Most bytes of all records that are not handed over, each with a header of 12 bytes. */
  readonly maxBytes: number;
}

interface Waiting {
  readonly bytes: Buffer;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A queue of texts on disk, for what a database should have and cannot take now.
 *
 * - **Durable**: once `append` is fulfilled, the record survives the process, the machine and a power cut.
 * - **At least once**: every such record is handed over, and may be again after a crash, because how far a segment
 *   has been handed over is not written down. A record whose `append` was rejected may be handed over too. Whoever
 *   takes them must know a record that it has.
 * - **In order**: the order of the calls of `append`, over restarts and a clock that was set back as well.
 *
 * Not promised: a record that the disk has damaged. It is counted, and its file is kept as `*.spool.damaged`, once what
 * can be read of it has been handed over; removing that file is left to a person.
 */
export class Spool {
  readonly #options: SpoolOptions;
  /** Oldest first; the one being written is the last, once it has a record. */
  readonly #segments: Segment[] = [];
  readonly #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #writer: SegmentWriter | undefined;
  /** The group being written; never rejected. */
  #flush: Promise<void> | undefined;
  #drain: Promise<number> | undefined;
  #isClosed = false;
  #newest = 0;
  #broken = 0;
  #torn = 0;

  private constructor(options: SpoolOptions) {
    this.#options = options;
  }

  /**
   * Takes over every segment that lies in the folder; files of other names are left alone. The folder is made with
   * mode 0700, files with 0600. What cannot be read of a segment is counted (see `broken`) and keeps nobody from the
   * rest.
   * @throws what the file system says
   */
  static async open(options: SpoolOptions): Promise<Spool> {
    const spool = new Spool({ ...options, folder: resolve(options.folder) });
    await makeFolder(spool.#options.folder);
    await spool.#takeOver();
    return spool;
  }

  /** Bytes of the records that are on disk and not handed over. */
  get bytes(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.bytes, 0);
  }

  /** Records that are on disk and not handed over. */
  get records(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.records, 0);
  }

  /**
   * Records that could not be read, since this spool was opened. Counted as one each when it is opened: all between a
   * damaged header and the next sound record, a damaged beginning of a file, the rest of a file behind a place that the
   * disk does not give back, and a file with a segment's name and other content, which is left alone. What becomes
   * unreadable later is counted record by record in a drain, once the rest of its file has been handed over.
   */
  get broken(): number {
    return this.#broken;
  }

  /** Segments that ended in the middle of a write when they were opened: nothing that had been promised. */
  get torn(): number {
    return this.#torn;
  }

  /**
   * Adds a record; fulfilled once it is safely on disk. Records that come while others are written share one fsync.
   * @throws SpoolFull where it would exceed the limit, or the disk has no room
   * @throws what the file system says, after a second try in a new file
   */
  async append(record: string): Promise<void> {
    if (this.#isClosed) throw new Error('The spool is closed.');
    const bytes = encodeRecord(record);
    const { folder, maxBytes } = this.#options;
    const held = this.bytes + this.#waitingBytes;
    if (held + bytes.length > maxBytes) {
      throw new SpoolFull(
        `The spool in ${folder} holds ${held} of at most ${maxBytes} bytes and has no room for ${bytes.length} more: bring the database back, which empties it, or raise SPOOL_MAX_BYTES.`,
      );
    }
    await new Promise<void>((fulfil, reject) => {
      this.#waiting.push({ bytes, resolve: fulfil, reject });
      this.#waitingBytes += bytes.length;
      this.#flush ??= this.#flushGroup();
    });
  }

  /**
   * Hands the oldest records over, in batches, until there are none, those included that are appended meanwhile. A batch
   * is removed once `take` is fulfilled.
   * @param batch most records of a batch; its bytes are those of one file at most, some 16 MiB and a record
   * @returns how many were handed over
   * @throws what `take` throws; that batch, whole, comes first the next time
   * @throws where another drain is under way
   */
  async drain(batch: number, take: (records: readonly string[]) => Promise<void>): Promise<number> {
    if (this.#isClosed) throw new Error('The spool is closed.');
    if (this.#drain) throw new Error('The spool is being drained already.');
    if (!(batch >= 1)) throw new RangeError(`A batch of ${batch} records: make it 1 or more.`);
    this.#drain = this.#drainAll(batch, take);
    try {
      return await this.#drain;
    } finally {
      this.#drain = undefined;
    }
  }

  /** Writes what waits, lets a drain finish its batch and takes no more. The records stay for the next to open it. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#drain?.catch(() => undefined);
    while (this.#flush) await this.#flush;
    await this.#endWriter();
    await this.#retireDone();
  }

  async #takeOver(): Promise<void> {
    const { folder } = this.#options;
    const files = (await readdir(folder, { withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map(({ name }) => ({ path: join(folder, name), time: Segment.timeOf(name) }))
      .filter((file): file is { path: string; time: number } => file.time !== undefined)
      .sort((a, b) => a.time - b.time || (a.path < b.path ? -1 : 1));
    for (const { path, time } of files) {
      this.#newest = time;
      const scan = await Segment.scan(path, time);
      this.#broken += scan?.broken ?? 1;
      if (scan?.torn) this.#torn += 1;
      if (scan) this.#segments.push(scan.segment);
    }
    await this.#retireDone();
  }

  async #flushGroup(): Promise<void> {
    // What is appended in this turn of the event loop goes along.
    await setImmediate();
    const group = this.#nextGroup();
    try {
      await this.#write(group.map(({ bytes }) => bytes));
      for (const { resolve: fulfil } of group) fulfil();
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
    this.#waitingBytes -= group.reduce((sum, { bytes }) => sum + bytes.length, 0);
    this.#flush = this.#waiting.length > 0 ? this.#flushGroup() : undefined;
  }

  #nextGroup(): Waiting[] {
    let bytes = 0;
    const beyond = this.#waiting.findIndex((record) => {
      const isBeyond = bytes >= SEGMENT_BYTES;
      bytes += record.bytes.length;
      return isBeyond;
    });
    return this.#waiting.splice(0, beyond === -1 ? this.#waiting.length : beyond);
  }

  async #write(records: readonly Buffer[]): Promise<void> {
    try {
      await this.#writeOnce(records).catch((error: unknown) => {
        if (isNoSpace(error)) throw error;
        // A second fsync of the same file may succeed although the kernel has dropped the bytes: only a new file tells.
        return this.#writeOnce(records);
      });
    } catch (error) {
      throw isNoSpace(error) ? this.#diskFull(error) : error;
    }
  }

  async #writeOnce(records: readonly Buffer[]): Promise<void> {
    if (this.#writer && this.#writer.segment.end >= SEGMENT_BYTES) await this.#endWriter();
    const writer = (this.#writer ??= await this.#nextWriter());
    try {
      await writer.append(records);
    } catch (error) {
      this.#writer = undefined;
      await writer.abandon();
      throw error;
    }
    if (this.#segments.at(-1) !== writer.segment) this.#segments.push(writer.segment);
  }

  async #nextWriter(): Promise<SegmentWriter> {
    const { folder } = this.#options;
    this.#newest = Math.max(Date.now(), this.#newest + 1);
    try {
      return await SegmentWriter.create(folder, this.#newest);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      // Taken by a process that held this one for dead.
      await makeFolder(folder);
      return SegmentWriter.create(folder, this.#newest);
    }
  }

  async #endWriter(): Promise<void> {
    const writer = this.#writer;
    this.#writer = undefined;
    await writer?.close();
  }

  #diskFull(cause: NodeJS.ErrnoException): SpoolFull {
    const { folder } = this.#options;
    return new SpoolFull(
      `The disk under the spool in ${folder} is full (${cause.message}): make room on it.`,
      {
        cause,
      },
    );
  }

  async #drainAll(batch: number, take: (records: readonly string[]) => Promise<void>): Promise<number> {
    let handedOver = 0;
    while (!this.#isClosed) {
      const [oldest] = this.#segments;
      if (oldest) handedOver += await this.#drainSegment(oldest, batch, take);
      await this.#retireDone();
      if (this.#segments.some((segment) => !segment.isDone)) continue;
      if (this.#flush) await this.#flush;
      else if (this.#writer) await this.#endWriter();
      else break;
    }
    return handedOver;
  }

  async #drainSegment(
    segment: Segment,
    batch: number,
    take: (records: readonly string[]) => Promise<void>,
  ): Promise<number> {
    if (segment.isDone) return 0;
    const reader = await segment.read();
    if (!reader) return 0;
    let handedOver = 0;
    try {
      while (!this.#isClosed) {
        const next = await segment.readBatch(reader, batch);
        if (next.records.length > 0) await take(next.records);
        segment.handedOver(next);
        if (next.records.length === 0) break;
        handedOver += next.records.length;
      }
    } finally {
      await reader.close();
    }
    return handedOver;
  }

  /** Takes out the oldest segments that have nothing more to hand over and are not being written. */
  async #retireDone(): Promise<void> {
    for (let oldest = this.#segments[0]; oldest; oldest = this.#segments[0]) {
      if (!oldest.isDone || oldest === this.#writer?.segment) return;
      this.#broken += await oldest.retire();
      this.#segments.shift();
    }
  }
}

/**
 * Makes the folder and those above it, and their names safe on disk. So are its own name and those of its files where
 * others have made them or moved them there, and may have died before they had them synced.
 */
async function makeFolder(folder: string): Promise<void> {
  const first = (await mkdir(folder, { recursive: true, mode: 0o700 })) ?? folder;
  let made = folder;
  await syncFolder(folder);
  await syncFolder(dirname(made));
  while (made !== first) {
    made = dirname(made);
    await syncFolder(dirname(made));
  }
}
