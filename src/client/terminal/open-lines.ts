import { createInterface, type Interface } from 'node:readline';
import { EditBuffer } from './edit-buffer.js';
import { LineEditor } from './line-editor.js';
import type { TypedLine, LineSource, Recall } from './line-source.js';
import type { Terminal } from './terminal.js';

/** A line editor where a person sits, else the lines of standard input. */
export function openLines({ host }: Terminal, stop: AbortSignal, recall: Recall = []): LineSource {
  const hasPerson = host.stdin.isTTY && host.stderr.isTTY === true && host.env.TERM !== 'dumb';
  return hasPerson ? new LineEditor(host.stdin, host.stderr, stop, recall) : new PipedLines(host.stdin, stop);
}

class PipedLines implements LineSource {
  readonly isInteractive = false;
  readonly #lines: Interface;
  readonly #next: AsyncIterator<string>;

  constructor(
    stdin: NodeJS.ReadStream,
    private readonly stop: AbortSignal,
  ) {
    this.#lines = createInterface({ input: stdin, crlfDelay: Infinity, signal: stop });
    this.#next = this.#lines[Symbol.asyncIterator]();
  }

  async read(): Promise<TypedLine> {
    if (this.stop.aborted) return { type: 'end' };
    const next = await this.#next.next();
    return next.done ? { type: 'end' } : { type: 'line', text: clean(next.value) };
  }

  interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return work(this.stop);
  }

  close(): void {
    this.#lines.close();
  }
}

/** As the editor would have it. */
function clean(line: string): string {
  const buffer = new EditBuffer();
  buffer.insert(line.replace(/^\u{FEFF}/u, ''));
  return buffer.text;
}
