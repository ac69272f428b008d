import { open, rm, stat, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncFolder } from '../sync-folder.js';
import { MAGIC, Segment } from './segment.js';

/** Which file it is, whatever its name is. */
interface FileIdentity {
  readonly dev: bigint;
  /** Zero where the file system has no such numbers. */
  readonly ino: bigint;
}

/** Writes a segment. Once anything has failed it must be abandoned: what the kernel made of the bytes is not known. */
export class SegmentWriter {
  readonly segment: Segment;
  readonly #file: FileHandle;
  readonly #identity: FileIdentity;

  private constructor(segment: Segment, file: FileHandle, identity: FileIdentity) {
    this.segment = segment;
    this.#file = file;
    this.#identity = identity;
  }

  /** Makes the file, readable by its owner alone. It is safely on disk with the first records, not before. */
  static async create(folder: string, time: number): Promise<SegmentWriter> {
    const path = Segment.pathOf(folder, time);
    const file = await open(path, 'wx', 0o600);
    try {
      // Asked for by its name, as later: Windows may tell another number of the volume for an open file.
      return new SegmentWriter(new Segment(path, time), file, await stat(path, { bigint: true }));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /**
   * Adds encoded records; fulfilled once they are safely on disk, in a file that is still in its place.
   * @throws where another process has taken the file, as from one that it held for dead: it may have read it already
   */
  async append(records: readonly Buffer[]): Promise<void> {
    const { path, end } = this.segment;
    const isNew = end === MAGIC.length;
    const bytes = Buffer.concat(records);
    await this.#file.writeFile(isNew ? Buffer.concat([MAGIC, bytes]) : bytes);
    await this.#file.datasync();
    // Whoever takes it from here on reads it later, and finds the records.
    if (!(await this.#isInPlace())) {
      throw new Error(
        `${path} was taken away while it was written: see which other process uses its folder.`,
      );
    }
    if (isNew) {
      await syncFolder(dirname(path));
      // The folder may have been made again since the spool was opened.
      await syncFolder(dirname(dirname(path)));
    }
    this.segment.grow(records.length, bytes.length);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  /**
   * Ends the segment behind the last record that is safely on disk, after a failure. Best effort: bytes that stay
   * behind it are a torn tail, or records that are handed over once more than promised. A file that another process
   * has taken is left to it as it is.
   */
  async abandon(): Promise<void> {
    const { end, path } = this.segment;
    const isInPlace = await this.#isInPlace().catch(() => false);
    if (isInPlace) await this.#file.truncate(end).catch(ignore);
    await this.#file.close().catch(ignore);
    if (isInPlace && end === MAGIC.length) await rm(path, { force: true }).catch(ignore);
  }

  /** Whether the file still has its name. */
  async #isInPlace(): Promise<boolean> {
    const { dev, ino } = this.#identity;
    try {
      const found = await stat(this.segment.path, { bigint: true });
      return ino === 0n || (found.ino === ino && found.dev === dev);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
  }
}

function ignore(): void {
  // The failure that led here is the one to report.
}
