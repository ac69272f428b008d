import { statSync } from 'node:fs';
import { type FileHandle, open, realpath, rm } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { RequestResult } from '../api/generation.js';
import { ClientFault } from '../faults/fault.js';
import { PRIVATE } from '../new-file.js';
import { Replacement } from '../replace-file.js';
import { LineWriter } from './line-writer.js';
import { readResults } from './read-results.js';
import { LAYOUTS, type ResultLayout } from './result-format.js';
import { ResultIndex } from './result-index.js';
import { alreadyThere, type ResultTarget } from './result-target.js';
import { SpanReader } from './span-reader.js';
import { writeFault } from '../faults/write-fault.js';

/** Lines that are copied before anything else gets its turn. */
const LINES_A_TURN = 4096;

/** A result as it is written, and its place in the order of the prompts. */
interface PlacedLine {
  readonly place: number;
  readonly line: string;
}

/**
 * A file of results that grows as they come and is put in the order of the prompts at the end. What comes in one turn of
 * the event loop is written at once, and stays whatever becomes of the process.
 */
export class ResultFile {
  readonly #index = new ResultIndex();
  readonly #layout: ResultLayout;
  readonly #writer: LineWriter;
  /** What this turn of the event loop brought, as it came. */
  readonly #arrived: PlacedLine[] = [];
  #turn: NodeJS.Immediate | undefined;
  #broken: { readonly error: unknown } | undefined;

  private constructor(
    private readonly path: string,
    private readonly target: ResultTarget,
    private readonly repeats: number,
    private readonly handle: FileHandle,
  ) {
    this.#layout = LAYOUTS[target.format];
    this.#writer = new LineWriter(handle.fd, this.#layout);
  }

  /**
   * Begins the file, or goes on with it.
   * @throws ClientFault where it cannot be written, or another run has begun it
   */
  static async open(target: ResultTarget, repeats: number): Promise<ResultFile> {
    try {
      return await (target.hasResults
        ? ResultFile.#goOn(target, repeats)
        : ResultFile.#begin(target, repeats));
    } catch (error) {
      throw writeFault(error, target.path, 2);
    }
  }

  static async #begin(target: ResultTarget, repeats: number): Promise<ResultFile> {
    try {
      // One that was not there a moment ago belongs to another run.
      const handle = await open(target.path, target.isThere ? 'w+' : 'wx+', PRIVATE);
      return new ResultFile(target.path, target, repeats, handle);
    } catch (error) {
      throw (error as NodeJS.ErrnoException).code === 'EEXIST' ? alreadyThere(target.path) : error;
    }
  }

  /** Copies what an earlier run wrote, without what a crash cut off, and takes its file's place. */
  static async #goOn(target: ResultTarget, repeats: number): Promise<ResultFile> {
    const path = await realpath(target.path);
    const second = await openSecond(path);
    try {
      const results = new ResultFile(path, target, repeats, second.handle);
      await results.#copyEarlier();
      await second.takePlace();
      return results;
    } catch (error) {
      await second.discard();
      throw error;
    }
  }

  /** Whether some of what it took could not be written. */
  get isBroken(): boolean {
    return this.#broken !== undefined;
  }

  /**
   * Takes a result. It is in the file when this turn of the event loop is over.
   * @throws ClientFault where what came before could not be written
   */
  add(result: RequestResult): void {
    this.#throwIfBroken();
    const place = (result.index - 1) * this.repeats + result.repeat - 1;
    this.#arrived.push({ place, line: this.#layout.line(result) });
    this.#turn ??= setImmediate(this.#flush);
  }

  /**
   * Writes what is left, puts the results in the order of the prompts and closes the file.
   * @returns why they are in the order in which they came, where a second file could not be made to sort them
   * @throws ClientFault where something could not be written; what was written before is there
   */
  async finish(): Promise<string | undefined> {
    this.#flush();
    try {
      this.#throwIfBroken();
      if (!this.#index.isOrdered) await this.#putInOrder();
      // A run without any result may be begun again with the same words.
      if (this.#index.isEmpty && !this.target.isThere) await rm(this.path, { force: true });
      return undefined;
    } catch (error) {
      const fault = writeFault(error, Replacement.partOf(this.path), 1);
      if (this.isBroken || !(fault instanceof ClientFault)) throw fault;
      return fault.message;
    } finally {
      await this.handle.close();
    }
  }

  readonly #flush = (): void => {
    clearImmediate(this.#turn);
    this.#turn = undefined;
    // Neighbours come together more often than not, and a file that is in order already need not be sorted at its end.
    const arrived = this.#arrived.splice(0).sort((one, other) => one.place - other.place);
    try {
      for (const { place, line } of arrived) this.#index.set(place, this.#writer.add(line));
      this.#writer.flush();
    } catch (error) {
      this.#broken ??= { error };
    }
  };

  #throwIfBroken(): void {
    if (this.#broken) throw writeFault(this.#broken.error, this.target.path, 1);
  }

  async #copyEarlier(): Promise<void> {
    for await (const results of readResults(this.path, this.target.format)) {
      for (const { index, repeat, line } of results)
        this.#index.set((index - 1) * this.repeats + repeat - 1, this.#writer.add(line));
    }
    this.#writer.flush();
  }

  async #putInOrder(): Promise<void> {
    const second = await openSecond(await realpath(this.path));
    try {
      await this.#copyInOrder(new LineWriter(second.handle.fd, this.#layout));
      await second.takePlace();
    } catch (error) {
      await second.discard();
      throw error;
    }
    await second.handle.close();
  }

  async #copyInOrder(writer: LineWriter): Promise<void> {
    const reader = new SpanReader(this.handle.fd);
    let lines = 0;
    for (const span of this.#index.spans()) {
      writer.add(reader.read(span));
      if (++lines % LINES_A_TURN === 0) await nextTurn();
    }
    writer.flush();
  }
}

/** A file that is to take the place of one with results, with the same rights. */
function openSecond(path: string): Promise<Replacement> {
  return Replacement.open(path, statSync(path).mode & 0o777);
}
