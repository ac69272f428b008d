import { graphemesOf, shown, widthOf } from './graphemes.js';
import { TAB } from './screen.js';
import { visible } from './visible.js';

/** A line's end, blanks, a character of a script that needs no blanks between words, or a word. */
const TOKEN =
  /\n|[^\S\n]+|[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]|[^\s\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]+/gu;

/** Longer words are no words, and are not waited for. */
const LONGEST_WORD = 400;

const FENCE = '```';

/** Where a text goes, and into how many columns. */
export interface FlowOptions {
  readonly columns: number;
  /** Columns left free in front of every line. */
  readonly indent?: number;
  /** Stands in them on the first line. */
  readonly mark?: string;
  readonly write: (text: string) => void;
}

/**
 * Writes a text as it comes, wrapped between words, with nothing in it that could steer the terminal. A word is
 * written when the next character shows that it is whole. Lines of code in a fence are left to the terminal, so that
 * they can be copied.
 */
export class TextFlow {
  readonly #margin: string;
  #firstMargin: string;
  readonly #columns: number;
  readonly #write: (text: string) => void;
  /** The beginning of a word. */
  #held = '';
  /** Blanks that are written only if a word follows on the same line. */
  #gap = '';
  #column = 0;
  #lineStart = '';
  #isCode = false;

  constructor({ columns, indent = 0, mark = ' '.repeat(indent), write }: FlowOptions) {
    this.#margin = ' '.repeat(indent);
    this.#firstMargin = mark;
    this.#columns = Math.max(columns - indent, 2);
    this.#write = write;
  }

  write(text: string): void {
    const tokens = (this.#held + text).match(TOKEN) ?? [];
    const last = tokens.at(-1) ?? '';
    this.#held = /\s/.test(last) || last.length > LONGEST_WORD ? '' : last;
    for (const token of this.#held === '' ? tokens : tokens.slice(0, -1)) this.#take(token);
  }

  /** Writes what is left, and ends the line if one was begun. */
  end(): void {
    if (this.#held !== '') this.#word(this.#held);
    this.#held = '';
    if (this.#column > 0) this.#newLine();
    this.#gap = '';
    this.#isCode = false;
  }

  #take(token: string): void {
    if (token === '\n') this.#newLine();
    else if (/\s/.test(token)) this.#gap += blanks(token);
    else this.#word(token);
  }

  #word(word: string): void {
    if (this.#lineStart.length < FENCE.length) this.#lineStart += word;
    const text = visible(word);
    const width = widthOf(text);
    const fits = this.#column + this.#gap.length + width <= this.#columns;
    if (fits || this.#isCode) this.#put(this.#gap + text, this.#gap.length + width);
    else {
      if (this.#column > 0) this.#breakLine();
      this.#chopped(word);
    }
    this.#gap = '';
  }

  /** A word alone on its line, in as many lines as it needs. */
  #chopped(word: string): void {
    for (const grapheme of graphemesOf(word)) {
      const text = shown(grapheme);
      const width = widthOf(text);
      if (this.#column + width > this.#columns) this.#breakLine();
      this.#put(text, width);
    }
  }

  #put(text: string, width: number): void {
    this.#write(this.#column === 0 ? this.#firstMargin + text : text);
    if (this.#column === 0) this.#firstMargin = this.#margin;
    this.#column += width;
  }

  #newLine(): void {
    if (this.#lineStart.startsWith(FENCE)) this.#isCode = !this.#isCode;
    this.#lineStart = '';
    this.#gap = '';
    this.#breakLine();
  }

  #breakLine(): void {
    this.#write('\n');
    this.#column = 0;
  }
}

/** A text wrapped into lines of so many columns. */
export function wrap(text: string, columns: number): string[] {
  let wrapped = '';
  const flow = new TextFlow({
    columns,
    write: (piece) => {
      wrapped += piece;
    },
  });
  flow.write(text);
  flow.end();
  return wrapped.replace(/\n$/, '').split('\n');
}

function blanks(token: string): string {
  return token
    .replaceAll('\t', TAB)
    .replaceAll(/[\r\v\f]/g, '')
    .replaceAll(/[^ ]/g, ' ');
}
