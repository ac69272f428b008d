import type { PromptRequest, RequestResult } from '../api/generation.js';
import type { EarlierResults } from '../results/earlier-results.js';
import { Uint32List } from '../results/uint32-list.js';

/** Prompts as they are read: some at once. */
export type PromptBatches = AsyncIterable<readonly PromptRequest[]> | Iterable<readonly PromptRequest[]>;

/** Requests that are held at once, however often a prompt is asked. */
const MOST_AT_ONCE = 1024;

/** Which prompts are asked, and which of them a result belongs to. */
export class Asked {
  /** Places in the order of all results, by the number of the request; without an earlier run it is one less. */
  readonly #places = new Uint32List();
  #namesModels = false;

  constructor(
    private readonly repeats: number,
    private readonly earlier: EarlierResults | undefined,
  ) {}

  /** Whether a prompt that was taken so far names a model of its own. */
  get namesModels(): boolean {
    return this.#namesModels;
  }

  /**
   * Each prompt as often as it is to be asked, without what was answered before; some at once.
   * @throws ClientFault where a prompt is not that of the earlier run
   */
  async *requests(batches: PromptBatches): AsyncGenerator<readonly PromptRequest[], void, undefined> {
    let [index, number] = [0, 0];
    for await (const prompts of batches) {
      let requests: PromptRequest[] = [];
      for (const prompt of prompts) {
        this.earlier?.compare(prompt, index + 1);
        if (prompt.model !== undefined) this.#namesModels = true;
        for (let place = index * this.repeats; place < (index + 1) * this.repeats; place++) {
          if (this.earlier?.isAnswered(place)) continue;
          number++;
          if (this.earlier) this.#places.set(number, place);
          requests.push(prompt);
          if (requests.length < MOST_AT_ONCE) continue;
          yield requests;
          requests = [];
        }
        index++;
      }
      yield requests;
    }
  }

  /** The result of a request of this number, with the numbers of its prompt and of its repetition instead. */
  placed(result: RequestResult): RequestResult {
    // Most runs are so, and a copy of every result would cost as much as all else that is done with it.
    if (!this.earlier && this.repeats === 1) return result;
    const place = this.earlier ? this.#places.get(result.index) : result.index - 1;
    return {
      ...result,
      index: Math.floor(place / this.repeats) + 1,
      repeat: (place % this.repeats) + 1,
    };
  }
}
