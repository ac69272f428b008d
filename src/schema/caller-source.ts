import { pointerTo } from './json-pointer.js';

/** Takes what is wrong with a schema: the JSON pointer to it, and a sentence. */
export type Tell = (path: string, message: string) => void;

/** One schema object of a caller's while it is read: tells of wrong keywords, and collects what an engine gets of it. */
export class SchemaSource {
  readonly #sent = new Map<string, unknown>();
  readonly #tell: Tell;

  /** @param path JSON pointer to the schema in the request */
  constructor(
    readonly keywords: Readonly<Record<string, unknown>>,
    readonly path: string,
    tell: Tell,
  ) {
    this.#tell = tell;
  }

  has(keyword: string): boolean {
    return Object.hasOwn(this.keywords, keyword);
  }

  /** Tells what is wrong with a keyword; the words go on from its name. */
  refuse(keyword: string, words: string): void {
    this.#tell(pointerTo(this.path, keyword), `${keyword} ${words}`);
  }

  /** Hands a keyword on to the engine. */
  send(keyword: string, value: unknown = this.keywords[keyword]): void {
    this.#sent.set(keyword, value);
  }

  /** What the engine gets, in the caller's order: grammars write properties in theirs. */
  sent(): Readonly<Record<string, unknown>> {
    return Object.fromEntries(
      Object.keys(this.keywords)
        .filter((keyword) => this.#sent.has(keyword))
        .map((keyword) => [keyword, this.#sent.get(keyword)]),
    );
  }

  /** A keyword's value where it is a whole number of at least 0. */
  count(keyword: string): number | undefined {
    return this.#read(keyword, 'must be a whole number of at least 0', isCount);
  }

  /** A keyword's value where it is a number. */
  number(keyword: string): number | undefined {
    return this.#read(keyword, 'must be a number', (value) => typeof value === 'number');
  }

  text(keyword: string): string | undefined {
    return this.#read(keyword, 'must be a text', (value) => typeof value === 'string');
  }

  boolean(keyword: string): boolean | undefined {
    return this.#read(keyword, 'must be true or false', (value) => typeof value === 'boolean');
  }

  array(keyword: string): readonly unknown[] | undefined {
    return this.#read(
      keyword,
      'must be an array that is not empty',
      (value): value is readonly unknown[] => Array.isArray(value) && value.length > 0,
    );
  }

  object(keyword: string): Readonly<Record<string, unknown>> | undefined {
    return this.#read(keyword, 'must be an object', isRecord);
  }

  #read<T>(keyword: string, words: string, fits: (value: unknown) => value is T): T | undefined {
    if (!this.has(keyword)) return undefined;
    const value = this.keywords[keyword];
    if (fits(value)) return value;
    this.refuse(keyword, words);
    return undefined;
  }
}

/** Whether a JSON value is an object and no array. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
