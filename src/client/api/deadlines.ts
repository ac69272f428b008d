/** The longest that a timer of Node.js waits; it fires at once for more. */
const MAX_TIMER_MS = 2_147_483_647;

/** What has a time limit now and then. */
export interface Timed {
  /** By `performance.now()`; Infinity while there is no limit. */
  due: number;
  /** Its time is up. */
  expire(): void;
}

/**
 * Time limits of one length for a few things that live long. One timer serves them all, and nothing is made for a limit:
 * what comes and goes with every call (a timer, an entry of a map) costs more than the rest of it.
 */
export class Deadlines {
  readonly #watched: Timed[] = [];
  #isAwake = false;

  constructor(private readonly ms: number) {}

  /** Looks after it from now on. */
  watch(timed: Timed): void {
    this.#watched.push(timed);
  }

  /** Sets its limit, or sets it anew. */
  set(timed: Timed): void {
    timed.due = performance.now() + this.ms;
    if (!this.#isAwake) this.#wakeIn(this.ms);
  }

  #wakeIn(ms: number): void {
    this.#isAwake = true;
    // Whoever waits for an answer has a socket, which keeps the process alive.
    setTimeout(
      () => {
        this.#look();
      },
      Math.min(ms, MAX_TIMER_MS),
    ).unref();
  }

  #look(): void {
    this.#isAwake = false;
    const now = performance.now();
    for (const timed of this.#watched) if (timed.due <= now) timed.expire();
    const next = Math.min(...this.#watched.map(({ due }) => due));
    if (next !== Infinity) this.#wakeIn(Math.max(1, next - now));
  }
}
