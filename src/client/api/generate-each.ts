import { CallFailed } from './call-failed.js';
import type { PromptRequest, Prompts, RequestResult } from './generation.js';
import type { RequestPlace } from './generate-once.js';

/** How many are asked, and how one of them is. */
export interface EachOptions {
  readonly concurrent: number;
  readonly repeat: number;
  /** How many requests a result may be ahead of the oldest that has none. */
  readonly ahead: number;
  readonly signal?: AbortSignal | undefined;
  /** For the message of a server that is gone. */
  readonly root: string;
  /** Asks one; it does not fail, an interrupted one is a result too. */
  readonly ask: (
    prompt: string | PromptRequest,
    place: RequestPlace,
    signal: AbortSignal,
  ) => Promise<RequestResult>;
}

/** One prompt, or many at once. */
type Given = string | PromptRequest | readonly (string | PromptRequest)[];

/** As many calls in a row that reached nobody mean that the server is gone, at the least. */
const GONE_AFTER = 10;

/**
 * Asks as many as come, `concurrent` at once, and yields results as the answers come. Prompts are taken only as results
 * are: some `2 · concurrent` are held at the most.
 *
 * Calls that reached nobody are held back until one reaches the server again: where none does, they were not answered and
 * are no results.
 * @throws CallFailed unreachable, where the server is gone for good
 */
export async function* generateEach(
  prompts: Prompts,
  options: EachOptions,
): AsyncGenerator<RequestResult, void, undefined> {
  const batch = new Batch(prompts, options);
  const goneAfter = Math.max(GONE_AFTER, 2 * options.concurrent);
  let unreached: RequestResult[] = [];
  try {
    for (;;) {
      const result = batch.take();
      if (result === 'over') break;
      if (!result) await batch.change();
      else if (result.error_code === 'unreachable') {
        unreached.push(result);
        if (unreached.length >= goneAfter) throw gone(result, options.root);
      } else {
        if (unreached.length > 0) {
          yield* unreached;
          unreached = [];
        }
        yield result;
      }
    }
    yield* unreached;
    batch.throwIfBroken();
  } finally {
    batch.end();
  }
}

function gone({ error }: RequestResult, root: string): CallFailed {
  return new CallFailed(
    'unreachable',
    `${root} is gone: none of the last calls reached it. ${error ?? ''}`.trimEnd(),
  );
}

/** The calls that are under way, and the results that wait to be taken. */
class Batch {
  readonly #results: RequestResult[] = [];
  readonly #stop = new AbortController();
  readonly #iterator: Iterator<Given> | AsyncIterator<Given>;
  /** Numbers of the calls under way, from 0; they stand in the order in which they went out. */
  readonly #running = new Set<number>();
  /** Prompts that came so far, and requests that went out. */
  #prompts = 0;
  #asked = 0;
  /** The number that is not asked before the oldest call under way has its result. */
  #bound: number;
  #isFed = false;
  #broken: { readonly error: unknown } | undefined;
  #wakeReader: (() => void) | undefined;
  #wakeFeeder: (() => void) | undefined;
  readonly #onAbort = (): void => {
    this.#stop.abort(this.options.signal?.reason);
    this.#wake();
  };

  constructor(
    prompts: Prompts,
    private readonly options: EachOptions,
  ) {
    this.#bound = options.ahead;
    this.#iterator =
      Symbol.asyncIterator in prompts ? prompts[Symbol.asyncIterator]() : prompts[Symbol.iterator]();
    options.signal?.addEventListener('abort', this.#onAbort, { once: true });
    if (options.signal?.aborted) this.#onAbort();
    void this.#feed();
  }

  /** Whether nothing is wanted any more. */
  get #isStopped(): boolean {
    return this.#stop.signal.aborted;
  }

  /** The next result, nothing while there is none yet, or that there will be none any more. */
  take(): RequestResult | 'over' | undefined {
    const result = this.#results.shift();
    if (result) {
      this.#wakeFeeder?.();
      return result;
    }
    return this.#running.size === 0 && (this.#isFed || this.#isStopped) ? 'over' : undefined;
  }

  /** Resolves when `take` may have something new to say. */
  change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wakeReader = resolve;
    });
  }

  /** @throws what the source of the prompts threw */
  throwIfBroken(): void {
    if (this.#broken) throw this.#broken.error;
  }

  /** Ends what is under way. */
  end(): void {
    this.options.signal?.removeEventListener('abort', this.#onAbort);
    this.#stop.abort();
    this.#wake();
  }

  async #feed(): Promise<void> {
    try {
      for (;;) {
        const step = this.#iterator.next();
        const next = 'then' in step ? await step : step;
        if (next.done) break;
        await this.#askAll(Array.isArray(next.value) ? next.value : [next.value]);
        if (this.#isStopped) {
          // Not waited for: a source that is silent for good would keep the run from its end.
          void this.#iterator.return?.();
          return;
        }
      }
    } catch (error) {
      this.#broken = { error };
    }
    this.#isFed = true;
    this.#wakeReader?.();
  }

  /** Asks each as often as it is to be asked, when there is room for it. */
  async #askAll(prompts: readonly (string | PromptRequest)[]): Promise<void> {
    for (const prompt of prompts) {
      this.#prompts++;
      for (let repeat = 1; repeat <= this.options.repeat; repeat++) {
        while (!this.#hasRoom()) await this.#change();
        if (this.#isStopped) return;
        void this.#ask(prompt, { index: this.#prompts, repeat });
      }
    }
  }

  /** Whether one more may be asked, or nothing is wanted any more. */
  #hasRoom(): boolean {
    if (this.#isStopped) return true;
    const { concurrent } = this.options;
    const running = this.#running.size;
    return running < concurrent && running + this.#results.length < 2 * concurrent && this.#isInWindow();
  }

  #isInWindow(): boolean {
    if (this.#asked < this.#bound) return true;
    const [oldest = this.#asked] = this.#running;
    this.#bound = oldest + this.options.ahead;
    return this.#asked < this.#bound;
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wakeFeeder = resolve;
    });
  }

  async #ask(prompt: string | PromptRequest, place: RequestPlace): Promise<void> {
    const number = this.#asked++;
    this.#running.add(number);
    try {
      const result = await this.options.ask(prompt, place, this.#stop.signal);
      if (result.error_code !== 'interrupted') this.#results.push(result);
    } catch (error) {
      this.#broken ??= { error };
      this.#stop.abort();
    }
    this.#running.delete(number);
    this.#wake();
  }

  #wake(): void {
    this.#wakeReader?.();
    this.#wakeFeeder?.();
  }
}
