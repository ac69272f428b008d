import { open, rm, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncFolder } from '../sync-folder.js';
import { MAGIC, Segment } from './segment.js';

/** Writes a segment. Once anything has failed it must be abandoned: what the kernel made of the bytes is not known. */
export class SegmentWriter {
  readonly segment: Segment;
  readonly #file: FileHandle;

  private constructor(segment: Segment, file: FileHandle) {
    this.segment = segment;
    this.#file = file;
  }

  /** Makes the file, readable by its owner alone. It is safely on disk with the first records, not before. */
  static async create(folder: string, time: number): Promise<SegmentWriter> {
    const path = Segment.pathOf(folder, time);
    const file = await open(path, 'wx', 0o600);
    return new SegmentWriter(new Segment(path, time), file);
  }

  /** Adds encoded records; fulfilled once they are safely on disk. */
  async append(records: readonly Buffer[]): Promise<void> {
    const isNew = this.segment.end === MAGIC.length;
    const bytes = Buffer.concat(records);
    await this.#file.writeFile(isNew ? Buffer.concat([MAGIC, bytes]) : bytes);
    await this.#file.datasync();
    if (isNew) await syncFolder(dirname(this.segment.path));
    this.segment.grow(records.length, bytes.length);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  /**
   * Ends the segment behind the last record that is safely on disk, after a failure. Best effort: bytes that stay
   * behind it are a torn tail, or records that are handed over once more than promised.
   */
  async abandon(): Promise<void> {
    const { end, path } = this.segment;
    await this.#file.truncate(end).catch(ignore);
    await this.#file.close().catch(ignore);
    if (end === MAGIC.length) await rm(path, { force: true }).catch(ignore);
  }
}

function ignore(): void {
  // The failure that led here is the one to report.
}
