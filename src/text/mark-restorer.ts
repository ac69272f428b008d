import {
  BARE_WORDS,
  BARRED_WORD,
  HARMLESS_MARKS,
  HARMLESS_SWITCHES,
  type MarkOptions,
} from './chat-marks.js';
import type { TextFilter } from './text-filter.js';

/**
 * `restoreMarks` for a text that comes in pieces: what {@link write} and {@link end} return is together what
 * `restoreMarks` returns for the whole, however it is cut.
 *
 * Only what may still turn out to be part of a harmless mark is held back: 67 characters at the most, which is `¦|`, a
 * word of 64 and `|`. Text without `¦` is never held back.
 */
export class MarkRestorer implements TextFilter {
  readonly #marks = new Restorer('<', HARMLESS_MARKS, OPEN_MARK);
  readonly #switches: Restorer | undefined;

  /** @param options thinking: whether the switches of Qwen3 are put back too */
  constructor({ thinking }: MarkOptions) {
    if (thinking) this.#switches = new Restorer('/', HARMLESS_SWITCHES, OPEN_SWITCH);
  }

  /** @returns what of the text so far is certain and was not returned yet; may be '' */
  write(piece: string): string {
    const restored = this.#marks.write(piece);
    return this.#switches ? this.#switches.write(restored) : restored;
  }

  /** @returns the rest */
  end(): string {
    const rest = this.#marks.end();
    return this.#switches ? this.#switches.write(rest) + this.#switches.end() : rest;
  }
}

/**
 * A harmless mark that is not complete at the end of a text: its first character, any number of `¦`, and (as a group,
 * because it is uncertain) the last `¦` with what follows. The `¦` before are certain: the one that is taken out
 * leaves as many as there would be without the last.
 */
const OPEN_MARK = new RegExp(
  String.raw`<¦*?(¦(?:\|(?:${BARRED_WORD}\|?)?|/?(?:${BARE_WORDS.map(startsOf).join('|')})?))?$`,
);
const OPEN_SWITCH = new RegExp(
  String.raw`(?<![^\s])/¦*?(¦(?:${['no_think', 'think'].map(startsOf).join('|')})?)?$`,
);

/** A pattern of all that a word can begin with, itself included. */
function startsOf(word: string): string {
  const rest = word.slice(1);
  return rest ? `${word.charAt(0)}(?:${startsOf(rest)})?` : word;
}

/** Puts one kind of mark back. */
class Restorer {
  /**
   * Stands for all that was returned, as far as what follows depends on it. Where a mark is open that is its first
   * character: the `¦` that were returned behind it matter no more. Elsewhere it is the last character, which may be
   * white space; never a first character that opened nothing, because here nothing would stand before it.
   */
  #before = '';
  #held = '';
  #isOpen = false;

  constructor(
    private readonly first: string,
    private readonly harmless: RegExp,
    private readonly open: RegExp,
  ) {}

  write(piece: string): string {
    if (!this.#isOpen && !piece.includes(this.first)) {
      if (piece) this.#before = piece.slice(-1);
      return piece;
    }
    const text = this.#before + this.#held + piece;
    const open = this.open.exec(text);
    const certain = text.length - (open?.[1]?.length ?? 0);
    const restored = this.#restore(text.slice(0, certain));
    this.#isOpen = open !== null;
    this.#before = open ? this.first : text.slice(-1).replace(this.first, '.');
    this.#held = text.slice(certain);
    return restored;
  }

  end(): string {
    return this.#restore(this.#before + this.#held);
  }

  #restore(text: string): string {
    return text.replaceAll(this.harmless, this.first).slice(this.#before.length);
  }
}
