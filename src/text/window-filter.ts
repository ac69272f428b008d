import type { TextFilter } from './text-filter.js';

/** A part of a text, and the text that takes its place. */
export interface Replacement {
  /** UTF-16 units from the beginning of the text that was looked at. */
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/**
 * Replaces parts of a text that comes in pieces. Only the last `longest` units are held back: a part that begins before
 * them has come as a whole.
 *
 * So that cuts make no difference, `find` decides whether a part begins at a place by the `longest` units from there on
 * and by as many before it.
 */
export class WindowFilter implements TextFilter {
  /** What was returned last, for `find` to look back at. */
  #before = '';
  #held = '';

  /**
   * @param longest UTF-16 units of the longest part that is replaced
   * @param find the parts to replace that begin at `from` or later, in their order and without overlaps
   */
  constructor(
    private readonly longest: number,
    private readonly find: (text: string, from: number) => readonly Replacement[],
  ) {}

  write(piece: string): string {
    this.#held += piece;
    return this.#release(this.#held.length - this.longest);
  }

  end(): string {
    return this.#release(this.#held.length);
  }

  /** @param until place in the held text up to which beginnings are decided */
  #release(until: number): string {
    if (until <= 0) return '';
    const text = this.#before + this.#held;
    const offset = this.#before.length;
    let out = '';
    let at = 0;
    for (const part of this.find(text, offset)) {
      const start = part.start - offset;
      if (start >= until) break;
      out += this.#held.slice(at, start) + part.text;
      at = part.end - offset;
    }
    // Half of a surrogate pair would be no text.
    const end = isLowSurrogate(this.#held.charCodeAt(until)) ? until - 1 : until;
    if (end > at) {
      out += this.#held.slice(at, end);
      at = end;
    }
    this.#before = text.slice(0, offset + at).slice(-this.longest);
    this.#held = this.#held.slice(at);
    return out;
  }
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}
