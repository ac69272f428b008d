import { BadPrompts, type Place } from './bad-prompts.js';
import { MAX_PROMPT_CHARACTERS, TOO_LONG } from './lines.js';

/** The text of one element of an array and where it begins. */
export interface JsonElement extends Required<Place> {
  readonly text: string;
}

const LINE_FEED = 0x0a;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const ARRAY_START = 0x5b;
const ARRAY_END = 0x5d;
const OBJECT_START = 0x7b;
const OBJECT_END = 0x7d;

/**
 * Cuts a JSON array into its elements without holding it; the elements themselves are not judged. Yields what each piece
 * of the text completes.
 * @throws BadPrompts where the array itself is wrong
 */
export async function* jsonElements(
  texts: AsyncIterable<string>,
): AsyncGenerator<readonly JsonElement[], void, undefined> {
  const splitter = new ArraySplitter();
  for await (const text of texts) yield splitter.write(text);
  splitter.end();
}

class ArraySplitter {
  #state: 'outside' | 'between' | 'inside' | 'closed' = 'outside';
  #place: Required<Place> = { line: 1, column: 1 };
  #line = 1;
  #column = 1;
  #hasElements = false;

  /** Of the element that is read: what came in earlier pieces, its open brackets, and whether a string is open. */
  #text = '';
  #depth = 0;
  #string: 'none' | 'open' | 'escape' = 'none';

  /** Takes the next piece of the text. @returns the elements that it completes */
  write(text: string): JsonElement[] {
    const elements: JsonElement[] = [];
    let start = 0;
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (this.#state !== 'inside') {
        if (this.#begins(code)) start = at;
      } else if (this.#ends(code)) {
        elements.push({ ...this.#place, text: (this.#text + text.slice(start, at)).trimEnd() });
        this.#state = code === COMMA ? 'between' : 'closed';
      }
      if (this.#state === 'inside') this.#follow(code);
      this.#step(code);
    }
    if (this.#state === 'inside') this.#keep(text.slice(start));
    return elements;
  }

  /** Says that nothing more comes. */
  end(): void {
    // Nothing at all is no prompt, which is said elsewhere.
    if (this.#state === 'closed' || this.#state === 'outside') return;
    const isOpen = this.#state === 'inside' && (this.#depth > 0 || this.#string !== 'none');
    throw new BadPrompts(
      isOpen ? this.#place : this.#here,
      'the file ends before the array of prompts does: a bracket or quote is not closed, or the file was cut off.',
    );
  }

  get #here(): Required<Place> {
    return { line: this.#line, column: this.#column };
  }

  /** Whether an element begins with this character. */
  #begins(code: number): boolean {
    if (code === LINE_FEED || code === 0x20 || code === 0x0d || code === 0x09) return false;
    if (this.#state === 'outside') {
      if (code !== ARRAY_START) throw new BadPrompts(this.#here, 'a JSON file of prompts begins with "[".');
      this.#state = 'between';
      return false;
    }
    if (this.#state === 'closed')
      throw new BadPrompts(this.#here, 'the array of prompts ended before this; take it away.');
    if (code === ARRAY_END && !this.#hasElements) {
      this.#state = 'closed';
      return false;
    }
    if (code === COMMA || code === ARRAY_END)
      throw new BadPrompts(
        this.#here,
        `a prompt is missing before this ${code === COMMA ? '","' : '"]"; take the comma before it away'}.`,
      );
    this.#open();
    return true;
  }

  #open(): void {
    this.#state = 'inside';
    this.#hasElements = true;
    this.#place = this.#here;
    this.#text = '';
    this.#depth = 0;
    this.#string = 'none';
  }

  #ends(code: number): boolean {
    return this.#string === 'none' && this.#depth === 0 && (code === COMMA || code === ARRAY_END);
  }

  #follow(code: number): void {
    if (this.#string === 'escape') this.#string = 'open';
    else if (this.#string === 'open') this.#followString(code);
    else if (code === QUOTE) this.#string = 'open';
    else if (code === OBJECT_START || code === ARRAY_START) this.#depth++;
    else if ((code === OBJECT_END || code === ARRAY_END) && this.#depth > 0) this.#depth--;
  }

  #followString(code: number): void {
    if (code === BACKSLASH) this.#string = 'escape';
    else if (code === QUOTE) this.#string = 'none';
  }

  #keep(text: string): void {
    this.#text += text;
    if (this.#text.length > MAX_PROMPT_CHARACTERS) throw new BadPrompts(this.#place, TOO_LONG);
  }

  #step(code: number): void {
    this.#column++;
    if (code !== LINE_FEED) return;
    this.#line++;
    this.#column = 1;
  }
}
