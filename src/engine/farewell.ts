/** How long an engine that was told to end a request may take to answer with what it had. */
const GRACE_MS = 500;

/**
 * The signal of a caller who waits for a whole reply, a moment late: the engine is told at once that he left, and its
 * answer to that is the only way to learn how many tokens the reply has cost.
 */
export class Farewell {
  readonly #late = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  readonly #onLeave = (): void => {
    void this.tell();
    this.#timer = setTimeout(() => {
      this.#late.abort();
    }, GRACE_MS);
  };

  constructor(
    private readonly caller: AbortSignal,
    private readonly tell: () => Promise<void>,
  ) {
    if (caller.aborted) this.#late.abort();
    else caller.addEventListener('abort', this.#onLeave, { once: true });
  }

  /** Aborted when the engine did not answer in time. */
  get signal(): AbortSignal {
    return this.#late.signal;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.caller.removeEventListener('abort', this.#onLeave);
  }
}
