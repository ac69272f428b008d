/** Keeps what was used last, within a number of entries and a sum of their weights. */
export class RecentlyUsed<T> {
  readonly #entries = new Map<string, { readonly value: T; readonly weight: number }>();
  readonly #bounds: { readonly maxEntries: number; readonly maxWeight: number };
  #weight = 0;

  constructor(bounds: { readonly maxEntries: number; readonly maxWeight: number }) {
    this.#bounds = bounds;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): T | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.value;
  }

  /** Adds an entry under a key that is not there, and drops the longest unused ones that no longer have room. */
  add(key: string, value: T, weight: number): void {
    this.#entries.set(key, { value, weight });
    this.#weight += weight;
    for (const [oldest, entry] of this.#entries) {
      if (this.#entries.size <= this.#bounds.maxEntries && this.#weight <= this.#bounds.maxWeight) return;
      this.#entries.delete(oldest);
      this.#weight -= entry.weight;
    }
  }
}
