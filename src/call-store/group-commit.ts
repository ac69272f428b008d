/** One item on its way, and who waits for it. */
interface Waiting<T> {
  readonly item: T;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

/** What one write may hold, and how many there are at once. */
export interface CommitBounds<T> {
  /** With two, one batch is made ready while the database works on the other. */
  readonly writers: number;
  /** Items that wait before another writer joins one that is at work: small batches cost more than waiting for a larger one. */
  readonly joinAt: number;
  readonly items: number;
  /** The weight beyond which no further item joins. */
  readonly weight: number;
  readonly weigh: (item: T) => number;
}

/**
 * Writes what comes while writes are under way together with the next one, so that many share one commit and nobody
 * waits longer than two.
 */
export class GroupCommit<T> {
  #waiting: Waiting<T>[] = [];
  #writers = 0;
  #onIdle: (() => void)[] = [];

  /** @param write fulfilled once they are safe, with those that are not and what is wrong with each */
  constructor(
    private readonly bounds: CommitBounds<T>,
    private readonly write: (items: readonly T[]) => Promise<ReadonlyMap<T, Error>>,
  ) {}

  /**
   * Fulfilled once the item is safe.
   * @throws what `write` says of it
   */
  add(item: T): Promise<void> {
    const added = new Promise<void>((done, failed) => {
      this.#waiting.push({ item, done, failed });
    });
    const { writers, joinAt } = this.bounds;
    if (this.#writers === 0 || (this.#writers < writers && this.#waiting.length >= joinAt)) {
      this.#writers++;
      void this.#writeAll();
    }
    return added;
  }

  /** Fulfilled once nothing is under way. */
  async idle(): Promise<void> {
    if (this.#writers === 0) return;
    await new Promise<void>((resolve) => this.#onIdle.push(resolve));
  }

  async #writeAll(): Promise<void> {
    // What comes in the same turn of the event loop goes with the first.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, this.#countOfNext());
      try {
        const refused = await this.write(batch.map(({ item }) => item));
        for (const { item, done, failed } of batch) {
          const problem = refused.get(item);
          if (problem) failed(problem);
          else done();
        }
      } catch (error) {
        for (const { failed } of batch) failed(error);
      }
    }
    this.#writers--;
    if (this.#writers > 0) return;
    for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  #countOfNext(): number {
    const { items, weight, weigh } = this.bounds;
    let count = 0;
    let sum = 0;
    for (const { item } of this.#waiting) {
      if (count === items || sum >= weight) break;
      count++;
      sum += weigh(item);
    }
    return count;
  }
}
