import { stat } from 'node:fs/promises';
import type { PromptRequest } from '../api/generation.js';
import { wrongUse } from '../faults/fault.js';
import { Uint32List } from './uint32-list.js';
import { readResults } from './read-results.js';
import type { ResultFormat } from './result-format.js';
import { textHash } from './text-hash.js';

/** Results that a run has at the most; a larger number of one is none of ours. */
const MOST_RESULTS = 1_000_000_000;

/** What an earlier run left in a file: which prompts it asked and which of them were answered. */
export class EarlierResults {
  /** Of the prompts, by number from 0. */
  readonly #prompts = new Uint32List();
  /** Of the answers, by place: four bytes each. */
  readonly answers = new Uint32List();
  #answered = 0;

  private constructor(
    private readonly path: string,
    private readonly repeats: number,
  ) {}

  /**
   * Reads a file of results; one that is not there or empty has none.
   * @throws ClientFault where it is none, or of a run that repeated more
   */
  static async read(path: string, format: ResultFormat, repeats: number): Promise<EarlierResults> {
    const earlier = new EarlierResults(path, repeats);
    if (!(await hasContent(path))) return earlier;
    for await (const results of readResults(path, format)) {
      for (const { index, repeat, prompt, success, response } of results) {
        if (repeat > repeats)
          throw wrongUse(
            `${path} is of a run with --repeat ${repeat} or more; say so again, or name another file.`,
          );
        if (index * repeats > MOST_RESULTS)
          throw wrongUse(
            `${path} has a result of prompt number ${index}, which no run has; give --resume the file that --output made.`,
          );
        earlier.#prompts.set(index - 1, textHash(prompt));
        if (success) earlier.#noteAnswer((index - 1) * repeats + repeat - 1, response ?? '');
      }
    }
    return earlier;
  }

  /** How many were answered. */
  get answered(): number {
    return this.#answered;
  }

  isAnswered(place: number): boolean {
    return this.answers.get(place) !== 0;
  }

  /**
   * Looks whether a prompt is the one that the file has under this number, from 1.
   * @throws ClientFault where it is another
   */
  compare(request: PromptRequest, index: number): void {
    const hash = this.#prompts.get(index - 1);
    if (hash === 0 || hash === textHash(promptOf(request))) return;
    throw wrongUse(
      `${this.path} belongs to other prompts: number ${index} is another one there. Name the prompts of that run, or another file.`,
    );
  }

  /**
   * Looks whether the file has results of more prompts than there are.
   * @throws ClientFault where it has
   */
  compareCount(count: number): void {
    if (this.#prompts.length <= count) return;
    throw wrongUse(
      `${this.path} belongs to other prompts: it has ${this.#prompts.length} of them, and here are ${count}. Name the prompts of that run, or another file.`,
    );
  }

  #noteAnswer(place: number, response: string): void {
    if (!this.isAnswered(place)) this.#answered++;
    this.answers.set(place, textHash(response));
  }
}

/** What a result has as its prompt; of a conversation the last message. */
function promptOf({ prompt, messages }: PromptRequest): string {
  return prompt ?? messages?.at(-1)?.content ?? '';
}

async function hasContent(path: string): Promise<boolean> {
  try {
    return (await stat(path)).size > 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
