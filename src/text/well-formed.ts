import type { TextFilter } from './text-filter.js';

/** Stands for half of a surrogate pair whose other half never comes. */
const REPLACEMENT = '\uFFFD';

/** An escape of half a surrogate pair in JSON, alone as far as the text shows. */
const LONE_HALF = /\\ud[89ab][\da-f]{2}(?!\\ud[c-f][\da-f]{2})|(?<!\\ud[89ab][\da-f]{2})\\ud[c-f][\da-f]{2}/i;

/** Every escape of a JSON text; the group catches half of a surrogate pair that stands alone. */
const ESCAPES = /\\(?:ud[89ab][\da-f]{2}\\ud[c-f][\da-f]{2}|(ud[89a-f][\da-f]{2})|.)/gis;

/**
 * Puts U+FFFD in the place of half a surrogate pair in a text that comes in pieces. A pair that is divided between two
 * pieces comes out as the pair.
 */
export class WellFormedText implements TextFilter {
  /** The high half that the last piece ended with. */
  #half = '';

  write(piece: string): string {
    if (this.#half === '' && piece.isWellFormed()) return piece;
    const text = this.#half + piece;
    this.#half = endsInHighHalf(text) ? text.slice(-1) : '';
    return (this.#half === '' ? text : text.slice(0, -1)).toWellFormed();
  }

  end(): string {
    const rest = this.#half === '' ? '' : REPLACEMENT;
    this.#half = '';
    return rest;
  }
}

/** Whether a JSON text has half a surrogate pair in one of its texts; true now and then for one that has none. */
export function mayHoldHalf(json: string): boolean {
  return json.includes(String.raw`\u`) && LONE_HALF.test(json);
}

/** The same JSON with U+FFFD for every half of a surrogate pair; byte for byte the same where there is none. */
export function wellFormedJson(json: string): string {
  if (!mayHoldHalf(json)) return json;
  return json.replaceAll(ESCAPES, (escape, half: string | undefined) =>
    half === undefined ? escape : String.raw`\ufffd`,
  );
}

function endsInHighHalf(text: string): boolean {
  const last = text.charCodeAt(text.length - 1);
  return last >= 0xd800 && last < 0xdc00;
}
