import { type FileHandle, mkdir, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

/** How many full files are kept beside the one that is written: FILE.1, the youngest, to FILE.5. */
const KEPT_FILES = 5;

const LINE_FEED = 0x0a;

/**
 * A CSV that grows at its end and is put aside when it is full. Nothing is remembered between two appends, so the file
 * may be moved or deleted at any time.
 */
export class RotatingCsv {
  readonly #header: Buffer;

  /** `maxBytes` bounds a file, its header included; a single line that is longer gets a file of its own. */
  constructor(
    private readonly path: string,
    header: string,
    private readonly maxBytes: number,
  ) {
    this.#header = Buffer.from(header);
  }

  /**
   * Writes as many of these lines as one file takes, at least one, and says how many. Rejects with the error of the
   * file system; the file is then as it was.
   */
  async append(lines: readonly Buffer[]): Promise<number> {
    await mkdir(dirname(this.path), { recursive: true });
    const written = await this.#appendToFile(lines);
    if (written > 0) return written;
    await this.#rotate();
    return this.#appendToFile(lines);
  }

  /** How many lines went into the file that is there: none where it is full or not ours. */
  async #appendToFile(lines: readonly Buffer[]): Promise<number> {
    // What people asked is nobody else's business.
    const file = await open(this.path, 'a+', 0o600);
    try {
      const { size } = await file.stat();
      if (size > 0 && !(await this.#canGoOn(file, size))) return 0;
      const start = size > 0 ? [] : [this.#header];
      const used = size > 0 ? size : this.#header.length;
      const count = howManyFit(lines, this.maxBytes - used) || (used === this.#header.length ? 1 : 0);
      if (count > 0) await appendWhole(file, size, Buffer.concat([...start, ...lines.slice(0, count)]));
      return count;
    } finally {
      await file.close();
    }
  }

  /** Whether a file has our header and ends with a whole line. */
  async #canGoOn(file: FileHandle, size: number): Promise<boolean> {
    const start = Buffer.alloc(this.#header.length);
    await file.read(start, 0, start.length, 0);
    const end = Buffer.alloc(1);
    await file.read(end, 0, 1, size - 1);
    return start.equals(this.#header) && end[0] === LINE_FEED;
  }

  async #rotate(): Promise<void> {
    for (let number = KEPT_FILES; number >= 1; number--) {
      const from = number === 1 ? this.path : `${this.path}.${number - 1}`;
      await rename(from, `${this.path}.${number}`).catch(unlessMissing);
    }
  }
}

function howManyFit(lines: readonly Buffer[], room: number): number {
  let bytes = 0;
  const first = lines.findIndex((line) => (bytes += line.length) > room);
  return first < 0 ? lines.length : first;
}

/** A full disk takes half a line: that half would spoil the next one. */
async function appendWhole(file: FileHandle, size: number, bytes: Buffer): Promise<void> {
  try {
    await file.appendFile(bytes);
  } catch (error) {
    await file.truncate(size).catch(() => undefined);
    throw error;
  }
}

function unlessMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
