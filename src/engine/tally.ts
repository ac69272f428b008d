import type { Usage } from './engine-request.js';

/** What one try has brought and cost so far: known before it is over, for a reply that nobody waits for any more too. */
export class Tally {
  /** The JSON of a whole reply, as it came. */
  whole: Buffer | undefined;
  /** The text of a stream as far as it came, or what came in place of JSON. */
  said = '';
  #usage: Usage | undefined;
  #pieces = 0;

  /** Takes the engine's own count. */
  count(usage: Usage): void {
    this.#usage = usage;
  }

  /** The engine's own count; undefined where it has given none. */
  get counted(): Usage | undefined {
    return this.#usage;
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
