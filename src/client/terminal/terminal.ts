import { Writable } from 'node:stream';
import { createColors } from 'picocolors';
import type { Language, Text } from '../text.js';
import { DEFAULT_COLUMNS } from './screen.js';
import { styledLines, visible, visibleLines } from './visible.js';

/** Where text goes: a terminal, a pipe or a file. */
export interface Output {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): boolean;
}

/** What the client is given by the process that it runs in; `process` has it all. */
export interface Host {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** How much is told beside the results: `--quiet` leaves out all but errors, `--verbose` adds retries and stack traces. */
export type Loudness = 'quiet' | 'normal' | 'verbose';

/** A line at the bottom of the screen that makes room for others. */
export interface Bar {
  clear(): void;
  draw(): void;
}

/** The terminal as commands see it: results on standard output, everything else on standard error. */
export class Terminal {
  /** Colours for standard output; plain text where it is no terminal or NO_COLOR is set. */
  readonly colors: ReturnType<typeof createColors>;
  /** Colours for standard error. */
  readonly errorColors: ReturnType<typeof createColors>;
  /** The bar that is on the screen, if there is one: only a terminal has it. */
  bar: Bar | undefined;

  constructor(
    readonly host: Host,
    readonly language: Language,
    readonly loudness: Loudness,
    /** Aborted when standard output takes no more. */
    private readonly outputEnd?: AbortSignal,
  ) {
    this.colors = createColors(hasColors(host.stdout, host.env));
    this.errorColors = createColors(hasColors(host.stderr, host.env));
  }

  /** The text in the user's language. */
  readonly text = (text: Text): string => text[this.language];

  get columns(): number {
    return this.host.stdout.columns ?? DEFAULT_COLUMNS;
  }

  /** A result, as it is. */
  print(text: string): void {
    if (this.outputEnd?.aborted) return;
    if (this.host.stdout.isTTY) this.bar?.clear();
    this.host.stdout.write(text);
  }

  /** A result for programs, on a line. */
  printJson(value: unknown): void {
    this.print(`${visible(JSON.stringify(value))}\n`);
  }

  /** Resolves when standard output takes more, is closed, or `stop` says not to wait. */
  async drained(stop?: AbortSignal): Promise<void> {
    const { stdout } = this.host;
    if (
      stop?.aborted ||
      this.outputEnd?.aborted ||
      !(stdout instanceof Writable) ||
      !stdout.writableNeedDrain
    )
      return;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const end = (): void => {
      resolve(undefined);
    };
    const events = ['drain', 'close', 'error'] as const;
    for (const event of events) stdout.on(event, end);
    stop?.addEventListener('abort', end);
    await promise;
    for (const event of events) stdout.off(event, end);
    stop?.removeEventListener('abort', end);
  }

  /** A sentence beside the results, in colours of `errorColors`; `--quiet` leaves it out. */
  note(sentence: string): void {
    if (this.loudness !== 'quiet') this.#tell(styledLines(sentence));
  }

  /** A sentence for those who want to know more. */
  detail(sentence: string): void {
    if (this.loudness === 'verbose') this.#tell(this.errorColors.dim(visibleLines(sentence)));
  }

  /** What went wrong, whatever the loudness. */
  error(sentence: string): void {
    this.#tell(this.errorColors.red(visibleLines(sentence)));
  }

  #tell(line: string): void {
    this.bar?.clear();
    this.host.stderr.write(`${line}\n`);
    this.bar?.draw();
  }
}

/** NO_COLOR holds where it is set and not empty (https://no-color.org). */
function hasColors({ isTTY }: Output, env: Host['env']): boolean {
  return isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb';
}
