import type { RequestResult } from '../api/generation.js';
import type { PrintFormat } from '../prompts/choices.js';
import { inOneLine } from '../terminal/columns.js';
import type { Terminal } from '../terminal/terminal.js';
import { wrap } from '../terminal/text-flow.js';

/** How many prompts there are and how often each is asked; undefined where nobody knows. */
export interface RunSize {
  readonly prompts: number | undefined;
  readonly repeats: number;
}

/** Prints results on standard output, in the order in which they were asked for. */
export class Printer {
  readonly #waiting = new Map<number, RequestResult>();
  /** The request whose result is printed next, from 1. */
  #next = 1;

  constructor(
    private readonly terminal: Terminal,
    private readonly format: PrintFormat,
    private readonly size: RunSize,
  ) {}

  /** Takes the result of a request and prints what is due. */
  add(request: number, result: RequestResult): void {
    if (this.format === 'none') {
      if (this.#isAlone && result.response === null) this.#printAlone(result);
      return;
    }
    this.#waiting.set(request, result);
    for (let due = this.#waiting.get(this.#next); due; due = this.#waiting.get(this.#next)) {
      this.#waiting.delete(this.#next++);
      this.#print(due);
    }
  }

  /** Prints what waited for results that never came. */
  end(): void {
    const left = [...this.#waiting].toSorted(([a], [b]) => a - b);
    for (const [, result] of left) this.#print(result);
    this.#waiting.clear();
  }

  get #isAlone(): boolean {
    return this.size.prompts === 1 && this.size.repeats === 1;
  }

  #print(result: RequestResult): void {
    if (this.format === 'jsonl') this.terminal.printJson(result);
    else if (this.#isAlone) this.#printAlone(result);
    else this.#printBlock(result);
  }

  #printAlone({ response, error }: RequestResult): void {
    if (response === null) this.terminal.error(error ?? '');
    else this.terminal.print(`${this.#shown(response)}\n`);
  }

  #printBlock(result: RequestResult): void {
    const { columns, colors } = this.terminal;
    const number = this.#numberOf(result);
    if (result.response === null) {
      this.terminal.error(`${number} ${result.error ?? ''}`);
      return;
    }
    const head = inOneLine(`${number} ${result.id ?? ''} ${result.prompt}`, columns);
    this.terminal.print(`${colors.bold(head)}\n${this.#shown(result.response)}\n\n`);
  }

  #numberOf({ index, repeat }: RequestResult): string {
    const { prompts, repeats } = this.size;
    const number = prompts === undefined ? String(index) : `${index}/${prompts}`;
    return repeats === 1 ? `[${number}]` : `[${number} #${repeat}]`;
  }

  /** A pipe gets an answer as it is; on a terminal it is wrapped, and nothing in it may move the cursor. */
  #shown(response: string): string {
    const { host, columns } = this.terminal;
    return host.stdout.isTTY ? wrap(response, columns).join('\n') : response;
  }
}
