/** What a JsonReader tells while it reads. Paths are JSON pointers (RFC 6901); the outermost value's is ''. */
export interface JsonListener {
  /** The next characters of a string value, decoded: never none, never half of an escape or of a surrogate pair. */
  text(path: string, text: string): void;
  /** A value that holds no other is complete. A string's `text` calls add up to its value. */
  leaf(path: string, value: JsonLeaf): void;
}

/** A value that holds no other. */
export type JsonLeaf = string | number | boolean | null | readonly never[] | Readonly<Record<string, never>>;

/** Levels of nesting that a JsonReader follows; JSON.parse has no such bound. */
export const MAX_JSON_DEPTH = 64;

/** An object or array that is not closed yet. */
interface Container {
  readonly parent: Container | undefined;
  readonly depth: number;
  /** What the paths of its values begin with. */
  readonly prefix: string;
  /** What may come after one of its values. */
  readonly after: number;
  /** The keys so far, as they read; an array has none. */
  readonly keys: Set<string> | undefined;
  /** How many values of an array have begun. */
  items: number;
}

/** What may come next, a bit each. */
const NOTHING = 0;
const VALUE = 1;
const KEY = 2;
const COLON = 4;
const COMMA = 8;
const END_OF_OBJECT = 16;
const END_OF_ARRAY = 32;

/** What a character is between two tokens; any other begins a value. */
const MARKS: Readonly<Record<string, number>> = {
  '"': VALUE | KEY,
  ':': COLON,
  ',': COMMA,
  '}': END_OF_OBJECT,
  ']': END_OF_ARRAY,
};

const WHITE_SPACE = ' \n\r\t';
const WORDS: Readonly<Record<string, string>> = { t: 'true', f: 'false', n: 'null' };

type NumberPart = 'start' | 'minus' | 'zero' | 'whole' | 'point' | 'fraction' | 'e' | 'sign' | 'exponent';

/** The grammar of numbers: the part that a character leads to, by the part before it. */
const NUMBERS: Readonly<Record<NumberPart, Readonly<Record<string, NumberPart>>>> = {
  start: { '-': 'minus', '0': 'zero', '1-9': 'whole' },
  minus: { '0': 'zero', '1-9': 'whole' },
  zero: { '.': 'point', e: 'e' },
  whole: { '0': 'whole', '1-9': 'whole', '.': 'point', e: 'e' },
  point: { '0': 'fraction', '1-9': 'fraction' },
  fraction: { '0': 'fraction', '1-9': 'fraction', e: 'e' },
  e: { '-': 'sign', '+': 'sign', '0': 'exponent', '1-9': 'exponent' },
  sign: { '0': 'exponent', '1-9': 'exponent' },
  exponent: { '0': 'exponent', '1-9': 'exponent' },
};

/** Where a number may end. */
const NUMBER_ENDS: ReadonlySet<NumberPart> = new Set(['zero', 'whole', 'fraction', 'exponent']);

const SPACE = 0x20;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Surrogates: the high halves of pairs, then the low halves. */
const FIRST_HIGH_HALF = 0xd800;
const FIRST_LOW_HALF = 0xdc00;
const LAST_LOW_HALF = 0xdfff;

const ESCAPES: Readonly<Record<string, number>> = {
  '"': QUOTE,
  '\\': BACKSLASH,
  '/': 0x2f,
  b: 0x08,
  f: 0x0c,
  n: 0x0a,
  r: 0x0d,
  t: 0x09,
};

const NOT_JSON = 'is not one JSON value';

/**
 * Reads a JSON text that arrives in pieces; tells of every string while it grows and of every leaf once it is complete.
 * Accepts what JSON.parse accepts, with the same values, save what has two meanings (a key twice in one object, half of a
 * surrogate pair) and texts nested deeper than MAX_JSON_DEPTH.
 * Where the text is cut changes nothing but into how many `text` calls a string falls: one a piece.
 * Looks at every character once and keeps only the current string or number and the keys of open objects.
 */
export class JsonReader {
  readonly #listener: JsonListener;
  #problem: string | undefined;
  #reading: 'mark' | 'string' | 'escape' | 'code' | 'number' | 'word' = 'mark';
  /** What may come next; inside a string, number or word: what might come where it began. */
  #may = VALUE;
  #inside: Container | undefined;
  /** Where the current value stands. */
  #path = '';

  /** What the listener was told of the current string. */
  #said = '';
  /** What it was not told yet; of a key that is all. */
  #unsaid = '';
  /** The high half of a surrogate pair while its low half must come next. */
  #half = '';
  /** The value of a `\u` escape so far, and its digits. */
  #code = 0;
  #digits = 0;

  #number = '';
  #part: NumberPart = 'start';

  #word = '';
  #matched = 0;

  constructor(listener: JsonListener) {
    this.#listener = listener;
  }

  /** Why the text is wrong, in words that finish "The reply …" and quote nothing; undefined while it may become right. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Whether the text so far is one JSON value. A number alone is whole only at `end()` or after white space. */
  get complete(): boolean {
    return this.#may === NOTHING && this.#problem === undefined;
  }

  /** Takes the next piece of the text, cut anywhere. Does nothing once the text is wrong. */
  write(piece: string): void {
    let at = 0;
    while (at < piece.length && this.#problem === undefined) at = this.#read(piece, at);
    this.#say();
  }

  /** Says that nothing more comes. @returns whether the text was exactly one JSON value */
  end(): boolean {
    if (this.#reading === 'number' && !this.#inside) this.#endNumber();
    if (this.#may !== NOTHING) this.#fail('ends before its JSON value does');
    return this.complete;
  }

  /** Reads one character or a run of its kind. @returns where to go on */
  #read(piece: string, at: number): number {
    if (this.#reading === 'string') return this.#readString(piece, at);
    if (this.#reading === 'number') return this.#readNumber(piece, at);
    const character = piece.charAt(at);
    if (this.#reading === 'mark') this.#readMark(character);
    else if (this.#reading === 'escape') this.#readEscape(character);
    else if (this.#reading === 'code') this.#readCode(character);
    else this.#readWord(character);
    return at + 1;
  }

  #fail(problem: string): void {
    this.#problem ??= problem;
  }

  #readMark(mark: string): void {
    if (WHITE_SPACE.includes(mark)) return;
    const word = WORDS[mark];
    if ((this.#may & (MARKS[mark] ?? VALUE)) === 0) this.#fail(NOT_JSON);
    else if (mark === ':') this.#may = VALUE;
    else if (mark === ',') this.#may = this.#inside?.keys ? KEY : VALUE;
    else if (mark === '{') this.#open(KEY, END_OF_OBJECT, new Set());
    else if (mark === '[') this.#open(VALUE, END_OF_ARRAY);
    else if (mark === '}') this.#close({});
    else if (mark === ']') this.#close([]);
    else if (mark === '"') this.#begin('string');
    else if (word !== undefined) this.#beginWord(word);
    else this.#beginNumber(mark);
  }

  #open(first: number, end: number, keys?: Set<string>): void {
    this.#locate();
    const parent = this.#inside;
    const depth = (parent?.depth ?? 0) + 1;
    if (depth > MAX_JSON_DEPTH) this.#fail(`is nested deeper than ${MAX_JSON_DEPTH} levels`);
    this.#inside = { parent, depth, prefix: `${this.#path}/`, after: COMMA | end, keys, items: 0 };
    this.#may = first | end;
  }

  /** @param empty the leaf that the container is where nothing stood in it */
  #close(empty: JsonLeaf): void {
    const isEmpty = (this.#may & COMMA) === 0;
    this.#inside = this.#inside?.parent;
    if (isEmpty) this.#leaf(empty);
    else this.#endValue();
  }

  /** Finds the path of an array's next item; in an object the key has told it. */
  #locate(): void {
    const inside = this.#inside;
    if (inside && !inside.keys) this.#path = `${inside.prefix}${inside.items++}`;
  }

  #begin(token: 'string' | 'number' | 'word'): void {
    this.#locate();
    this.#reading = token;
  }

  #leaf(value: JsonLeaf): void {
    this.#endValue();
    this.#listener.leaf(this.#path, value);
  }

  #endValue(): void {
    this.#reading = 'mark';
    this.#may = this.#inside?.after ?? NOTHING;
  }

  #readString(piece: string, from: number): number {
    const unit = piece.charCodeAt(from);
    if (isPlain(unit) && this.#half === '') {
      let at = from + 1;
      while (at < piece.length && isPlain(piece.charCodeAt(at))) at++;
      this.#unsaid += piece.slice(from, at);
      return at;
    }
    if (unit === BACKSLASH) this.#reading = 'escape';
    else if (unit < SPACE) this.#fail(NOT_JSON);
    else if (unit === QUOTE) this.#endString();
    else this.#add(unit);
    return from + 1;
  }

  #endString(): void {
    if (!this.#mayAdd(QUOTE, QUOTE)) return;
    if ((this.#may & KEY) !== 0) {
      this.#endKey();
      return;
    }
    this.#say();
    const value = this.#said;
    this.#said = '';
    this.#leaf(value);
  }

  #endKey(): void {
    const key = this.#unsaid;
    this.#unsaid = '';
    // Only an object expects keys.
    const { keys, prefix } = this.#inside as Container & { readonly keys: Set<string> };
    if (keys.has(key)) this.#fail('has a key twice in one object');
    keys.add(key);
    this.#path = prefix + key.replaceAll('~', '~0').replaceAll('/', '~1');
    this.#reading = 'mark';
    this.#may = COLON;
  }

  /** Tells the listener what it does not know yet of a string value. */
  #say(): void {
    const text = this.#unsaid;
    if (text === '' || (this.#may & KEY) !== 0) return;
    this.#unsaid = '';
    this.#said += text;
    this.#listener.text(this.#path, text);
  }

  #readEscape(character: string): void {
    const unit = ESCAPES[character];
    if (character === 'u') {
      this.#reading = 'code';
      this.#code = 0;
      this.#digits = 0;
    } else if (unit === undefined) {
      this.#fail(NOT_JSON);
    } else {
      this.#reading = 'string';
      this.#add(unit);
    }
  }

  #readCode(character: string): void {
    const digit = Number.parseInt(character, 16);
    if (Number.isNaN(digit)) {
      this.#fail(NOT_JSON);
      return;
    }
    this.#code = this.#code * 16 + digit;
    this.#digits++;
    if (this.#digits === 4) {
      this.#reading = 'string';
      this.#add(this.#code);
    } else {
      const missing = 16 - 4 * this.#digits;
      this.#mayAdd(this.#code << missing, ((this.#code + 1) << missing) - 1);
    }
  }

  /** Adds a decoded code unit to the string; waits for the other half where it is half of a pair. */
  #add(unit: number): void {
    if (!this.#mayAdd(unit, unit)) return;
    const text = this.#half + String.fromCharCode(unit);
    const isHalf = unit >= FIRST_HIGH_HALF && unit < FIRST_LOW_HALF;
    this.#half = isHalf ? text : '';
    if (!isHalf) this.#unsaid += text;
  }

  /** Whether a code unit of this range may come next: a low half must follow a high half and nothing else. */
  #mayAdd(least: number, most: number): boolean {
    const mayBeLow = least <= LAST_LOW_HALF && most >= FIRST_LOW_HALF;
    const mustBeLow = least >= FIRST_LOW_HALF && most <= LAST_LOW_HALF;
    const may = this.#half === '' ? !mustBeLow : mayBeLow;
    if (!may) this.#fail('has half of a surrogate pair in a text');
    return may;
  }

  #beginNumber(first: string): void {
    this.#number = '';
    this.#part = 'start';
    this.#begin('number');
    this.#readNumber(first, 0);
  }

  #readNumber(piece: string, from: number): number {
    let at = from;
    while (at < piece.length) {
      const part = NUMBERS[this.#part][kindOf(piece.charAt(at))];
      if (!part) break;
      this.#part = part;
      at++;
    }
    this.#number += piece.slice(from, at);
    if (at < piece.length) this.#endNumber();
    return at;
  }

  #endNumber(): void {
    if (NUMBER_ENDS.has(this.#part)) this.#leaf(Number(this.#number));
    else this.#fail(NOT_JSON);
  }

  #beginWord(word: string): void {
    this.#word = word;
    this.#matched = 1;
    this.#begin('word');
  }

  #readWord(character: string): void {
    if (character !== this.#word[this.#matched++]) this.#fail(NOT_JSON);
    else if (this.#matched === this.#word.length) this.#leaf(JSON.parse(this.#word) as boolean | null);
  }
}

/** Whether a code unit of a string stands for itself. */
function isPlain(unit: number): boolean {
  const isSurrogate = unit >= FIRST_HIGH_HALF && unit <= LAST_LOW_HALF;
  return unit >= SPACE && unit !== QUOTE && unit !== BACKSLASH && !isSurrogate;
}

/** The kind of a character as the grammar of numbers names it. */
function kindOf(character: string): string {
  if (character >= '1' && character <= '9') return '1-9';
  return character === 'E' ? 'e' : character;
}
