const FIRST_CAPACITY = 1024;

/** A number from 0 to 2³² − 1 for each of any number of places, four bytes each; 0 where none was set. */
export class Uint32List {
  #numbers = new Uint32Array(FIRST_CAPACITY);
  #length = 0;

  /** One more than the last place that was set. */
  get length(): number {
    return this.#length;
  }

  get(place: number): number {
    return this.#numbers[place] ?? 0;
  }

  set(place: number, number: number): void {
    if (place >= this.#numbers.length) {
      const larger = new Uint32Array(Math.max(place + 1, 2 * this.#numbers.length));
      larger.set(this.#numbers);
      this.#numbers = larger;
    }
    this.#numbers[place] = number;
    this.#length = Math.max(this.#length, place + 1);
  }
}
