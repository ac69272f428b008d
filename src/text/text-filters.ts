import { type MarkOptions, restoreMarks, restoreMarksIn } from './chat-marks.js';
import { MarkRestorer } from './mark-restorer.js';
import type { Block, OpenFilter, TextFilter, TextPlace } from './text-filter.js';

/** A text after its filters. */
export interface Filtered<T> {
  readonly value: T;
  /** Why it must not go out; `value` ends before that place then. */
  readonly block?: Block | undefined;
}

/** What the texts of one call's answer pass on their way out: chat marks are put back, then the stages' filters follow. */
export class TextFilters {
  /**
   * @param marks how chat marks were made harmless in the question; undefined where there were none
   * @param others the stages' filters, in their order
   */
  constructor(
    private readonly marks: MarkOptions | undefined,
    private readonly others: readonly OpenFilter[],
  ) {}

  /** Whether more than chat marks may change. */
  get isGuarded(): boolean {
    return this.others.length > 0;
  }

  /** Whether no text can change. */
  get isIdle(): boolean {
    return this.marks === undefined && !this.isGuarded;
  }

  /** The filter of one text that comes in pieces. */
  open(place: TextPlace): TextFilter {
    const marks = this.marks && new MarkRestorer(this.marks);
    if (!this.isGuarded) return marks ?? UNCHANGED;
    const guards = this.#guards(place);
    return marks ? new FilterChain([marks, guards]) : guards;
  }

  /** Filters one text that is there as a whole. */
  text(text: string, place: TextPlace): Filtered<string> {
    return this.#guarded(this.marks ? restoreMarks(text, this.marks) : text, place);
  }

  /** Puts chat marks back into a JSON value, its keys included. */
  restored<T>(value: T): T {
    return this.marks ? restoreMarksIn(value, this.marks) : value;
  }

  /**
   * Passes every text in a JSON value whose chat marks are back through the stages' filters; keys stay as they are.
   * @param placeOf tells which text it is, by its JSON pointer
   */
  guarded<T>(value: T, placeOf: (path: string) => TextPlace): Filtered<T> {
    if (!this.isGuarded) return { value };
    let block: Block | undefined;
    const filtered = mapTexts(value, '', (text, path) => {
      const result = this.#guarded(text, placeOf(path));
      block ??= result.block;
      return result.value;
    });
    return { value: filtered, block };
  }

  #guarded(text: string, place: TextPlace): Filtered<string> {
    if (!this.isGuarded) return { value: text };
    const filter = this.#guards(place);
    const value = filter.write(text) + filter.end();
    return { value, block: filter.block };
  }

  #guards(place: TextPlace): FilterChain {
    return new FilterChain(this.others.map((open) => open(place)).filter((filter) => filter !== undefined));
  }
}

/** Applies a function to every text below a value, with the text's JSON pointer. */
export function mapTexts<T>(value: T, path: string, map: (text: string, path: string) => string): T {
  if (typeof value === 'string') return map(value, path) as T;
  if (Array.isArray(value)) {
    return value.map((item: unknown, index) => mapTexts(item, `${path}/${index}`, map)) as T;
  }
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, own]) => [
      key,
      mapTexts<unknown>(own, `${path}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`, map),
    ]),
  ) as T;
}

const UNCHANGED: TextFilter = { write: (piece) => piece, end: () => '' };

/** Filters one after the other. */
class FilterChain implements TextFilter {
  block: Block | undefined;

  constructor(private readonly filters: readonly TextFilter[]) {}

  write(piece: string): string {
    return this.#pass(piece, false);
  }

  end(): string {
    return this.#pass('', true);
  }

  /** Once a filter blocks, the text is over for the filters after it: they release what they hold. */
  #pass(piece: string, isEnd: boolean): string {
    if (this.block) return '';
    let text = piece;
    let isOver = isEnd;
    for (const filter of this.filters) {
      text = filter.write(text) + (isOver ? filter.end() : '');
      this.block ??= filter.block;
      isOver ||= filter.block !== undefined;
    }
    return text;
  }
}
