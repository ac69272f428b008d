import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { PRIVATE } from './new-file.js';

/** What stands behind a file's name until it is whole. */
const UNFINISHED = '.part';

/** A file that comes to its name when it is whole. Until then, and for ever if it never gets there, it is NAME.part. */
export class Replacement {
  private constructor(
    private readonly path: string,
    /** What it is called until then. */
    readonly part: string,
    readonly handle: FileHandle,
  ) {}

  static partOf(path: string): string {
    return path + UNFINISHED;
  }

  /**
   * Begins it; one that is left from before is written over.
   * @param mode its rights; its owner's alone where they are left out
   * @throws the error of the file system
   */
  static async open(path: string, mode = PRIVATE): Promise<Replacement> {
    const part = Replacement.partOf(path);
    return new Replacement(path, part, await open(part, 'w+', mode));
  }

  /**
   * Gives it its name and leaves it open.
   * @throws the error of the file system, also one of an earlier write; both files are then what they were
   */
  async takePlace(): Promise<void> {
    await this.handle.sync();
    await rename(this.part, this.path);
  }

  /** Takes it away. */
  async discard(): Promise<void> {
    await this.handle.close();
    await rm(this.part, { force: true });
  }
}

/**
 * Writes a text in place of another one: at every moment the file has one of them.
 * @throws the error of the file system
 */
export function replaceFile(path: string, text: string): void {
  // Another process may do the same at the same time.
  const part = `${path}.${process.pid}${UNFINISHED}`;
  try {
    writeFileSync(part, text, { mode: PRIVATE, flush: true });
    renameSync(part, path);
  } catch (error) {
    rmSync(part, { force: true });
    throw error;
  }
}
