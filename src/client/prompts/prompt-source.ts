import { constants, createReadStream, openSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { PromptRequest } from '../api/generation.js';
import { wrongUse } from '../faults/fault.js';
import { BadPrompts } from './bad-prompts.js';
import type { Encoding, PromptFormat } from './choices.js';
import { decodeText } from './decode.js';
import { formatOf, READERS } from './formats.js';
import type { ReadPrompt } from './read-prompt.js';

/** Bytes that are read at once. */
const READ_BYTES = 262_144;

/** How a file of prompts is to be read. */
export interface PromptSourceOptions {
  /** @default 'utf-8' */
  readonly encoding?: Encoding | undefined;
  /** @default what the name ends with, else text */
  readonly format?: PromptFormat | undefined;
  /** What `-` means. */
  readonly stdin: Readable;
}

/** What the first pass over a file found. */
export interface PromptCheck {
  readonly count: number;
  /** Fields and columns that mean nothing here, with the number of the first prompt that has them. */
  readonly unused: ReadonlyMap<string, number>;
}

/** A file of prompts, or standard input. It is read in the same memory however long it is. */
export class PromptSource {
  /** A pipe that is read. */
  #pipe: Readable | undefined;

  private constructor(
    /** For sentences. */
    readonly name: string,
    private readonly kind: 'file' | 'pipe' | 'stdin' | 'other',
    private readonly path: string,
    private readonly options: PromptSourceOptions,
  ) {}

  /** @throws ClientFault where there is no such file, or none that can be read */
  static async open(path: string, options: PromptSourceOptions): Promise<PromptSource> {
    if (path === '-') return new PromptSource('Standard input', 'stdin', path, options);
    try {
      const found = await stat(path);
      if (found.isDirectory()) throw wrongUse(`${path} is a folder; name a file of prompts in it.`);
      const kind = found.isFile() ? 'file' : found.isFIFO() ? 'pipe' : 'other';
      return new PromptSource(path, kind, path, options);
    } catch (error) {
      throw faultOf(error, path);
    }
  }

  /** Whether it can be read twice, and so be checked before anything is asked. */
  get canCheck(): boolean {
    return this.kind === 'file';
  }

  /**
   * Reads all of it once and shows each prompt to `visit`, with its number from 1.
   * @throws ClientFault naming the first thing that is wrong
   */
  async check(
    visit: (request: PromptRequest, index: number) => void = () => undefined,
  ): Promise<PromptCheck> {
    let count = 0;
    const unused = new Map<string, number>();
    for await (const batch of this.#batches()) {
      for (const one of batch) {
        visit(one.request, ++count);
        for (const name of one.unused) if (!unused.has(name)) unused.set(name, count);
      }
    }
    if (count === 0) throw this.#empty();
    return { count, unused };
  }

  /**
   * The prompts in their order, as many at once as a piece of the file completes.
   * @throws ClientFault naming the first thing that is wrong
   */
  async *read(): AsyncGenerator<readonly PromptRequest[], void, undefined> {
    let isEmpty = true;
    for await (const batch of this.#batches()) {
      if (batch.length === 0) continue;
      isEmpty = false;
      yield batch.map(({ request }) => request);
    }
    if (isEmpty) throw this.#empty();
  }

  /** Ends a read that waits. */
  close(): void {
    if (this.kind === 'stdin') this.options.stdin.destroy();
    this.#pipe?.destroy();
  }

  async *#batches(): AsyncGenerator<readonly ReadPrompt[]> {
    const { encoding = 'utf-8', format = formatOf(this.path) } = this.options;
    try {
      yield* READERS[format](decodeText(this.#bytes(), encoding));
    } catch (error) {
      throw faultOf(error, this.name);
    }
  }

  #bytes(): AsyncIterable<Uint8Array> {
    if (this.kind === 'stdin') return this.options.stdin;
    if (this.kind === 'pipe') return (this.#pipe = openPipe(this.path));
    return createReadStream(this.path, { highWaterMark: READ_BYTES });
  }

  #empty(): Error {
    return wrongUse(`${this.name} holds no prompt; write one into it, or name another file.`);
  }
}

/** A pipe for which nobody waits: to open it otherwise, or to read from it, would block until its other end is there. */
function openPipe(path: string): Readable {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  return new Socket({ fd, readable: true, writable: false });
}

/** What a user can do something about, in a sentence; else the error itself. */
function faultOf(error: unknown, name: string): unknown {
  if (error instanceof BadPrompts) return wrongUse(`${name}${error.message}`, { cause: error });
  const sentence = sentenceOf((error as NodeJS.ErrnoException).code, name);
  return sentence === undefined ? error : wrongUse(sentence, { cause: error });
}

function sentenceOf(code: string | undefined, name: string): string | undefined {
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return `There is no file ${name}; check its name, seen from the folder in which you are.`;
    case 'EISDIR':
      return `${name} is a folder; name a file of prompts in it.`;
    case 'EACCES':
    case 'EPERM':
      return `${name} cannot be read: this user may not; change its rights.`;
    default:
      return undefined;
  }
}
