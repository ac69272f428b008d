import type { Usage } from './engine-request.js';

/** Tokens of one try, known before it is over: what a reply cost that nobody waits for any more. */
export class Tally {
  #usage: Usage | undefined;
  #pieces = 0;

  /** Takes the engine's own count. */
  count(usage: Usage): void {
    this.#usage = usage;
  }

  /** Takes note of a piece of text, which is one token or a little more. */
  piece(): void {
    this.#pieces++;
  }

  /** The engine's count, else what the pieces tell of the reply. */
  get usage(): Usage {
    return this.#usage ?? { prompt_tokens: 0, completion_tokens: this.#pieces, total_tokens: this.#pieces };
  }
}
