import type { Span } from './line-writer.js';

const FIRST_CAPACITY = 1024;

/** Where each result stands in a file, by its place in the order: 12 bytes a result, whatever it says. */
export class ResultIndex {
  /** Offset and 1; 0 where there is none. */
  #offsets = new Float64Array(FIRST_CAPACITY);
  #lengths = new Uint32Array(FIRST_CAPACITY);
  /** The last place that has a result, and whether the file has all of them in order and nothing else. */
  #last = -1;
  #isOrdered = true;

  /** Whether the file is already what it is to be. */
  get isOrdered(): boolean {
    return this.#isOrdered;
  }

  get isEmpty(): boolean {
    return this.#last < 0;
  }

  /** Notes a result; one that was there before it does not count any more. */
  set(place: number, { offset, length }: Span): void {
    this.#grow(place + 1);
    if (place <= this.#last) this.#isOrdered = false;
    else this.#last = place;
    this.#offsets[place] = offset + 1;
    this.#lengths[place] = length;
  }

  /** In order. */
  *spans(): Generator<Span, void, undefined> {
    for (let place = 0; place <= this.#last; place++) {
      const offset = (this.#offsets[place] ?? 0) - 1;
      if (offset >= 0) yield { offset, length: this.#lengths[place] ?? 0 };
    }
  }

  #grow(places: number): void {
    if (places <= this.#offsets.length) return;
    const capacity = Math.max(places, 2 * this.#offsets.length);
    const [offsets, lengths] = [new Float64Array(capacity), new Uint32Array(capacity)];
    offsets.set(this.#offsets);
    lengths.set(this.#lengths);
    [this.#offsets, this.#lengths] = [offsets, lengths];
  }
}
