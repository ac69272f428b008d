import type { Block, TextFilter, TextPlace } from './text-filter.js';

/** UTF-16 units after which a text without an end of a sentence is looked at as it is. */
const LONGEST_SENTENCE = 1000;

/**
 * The end of a sentence. Each alternative needs the character after it, so that a text that comes in pieces is cut where
 * the whole one is: `3.14` and `"…!"` are not cut.
 */
const SENTENCE_END = /[.!?…]+["'”’)\]]*(?=\s)|[。！？]+["'”’」』）]*(?=[^。！？"'”’」』）])|\n+(?=[^\n])/;

/**
 * Lets a text out sentence by sentence, each after it was looked at; a text that is not spoken comes out as a whole
 * once all of it was. The first sentence that is refused, and all that follows it, stays inside.
 */
export class SentenceGate implements TextFilter {
  block: Block | undefined;
  readonly #isSpoken: boolean;
  #held = '';
  #passed = '';

  /** @param judge why a sentence must not go out, if it must not */
  constructor(
    { isSpoken }: Pick<TextPlace, 'isSpoken'>,
    private readonly judge: (sentence: string) => Block | undefined,
  ) {
    this.#isSpoken = isSpoken;
  }

  write(piece: string): string {
    if (this.block) return '';
    this.#held += piece;
    let end = sentenceEnd(this.#held);
    while (end !== undefined) {
      this.#look(end);
      end = sentenceEnd(this.#held);
    }
    return this.#isSpoken ? this.#takePassed() : '';
  }

  end(): string {
    if (!this.block && this.#held !== '') this.#look(this.#held.length);
    return this.#isSpoken || !this.block ? this.#takePassed() : '';
  }

  #look(end: number): void {
    const sentence = this.#held.slice(0, end);
    this.block = sentence.trim() === '' ? undefined : this.judge(sentence);
    if (!this.block) this.#passed += sentence;
    this.#held = this.block ? '' : this.#held.slice(end);
  }

  #takePassed(): string {
    const passed = this.#passed;
    this.#passed = '';
    return passed;
  }
}

/** Where the first sentence ends; undefined while that is not certain. */
function sentenceEnd(text: string): number | undefined {
  const found = SENTENCE_END.exec(text.slice(0, LONGEST_SENTENCE + 1));
  if (found) return found.index + found[0].length;
  if (text.length <= LONGEST_SENTENCE) return undefined;
  const blank = text.lastIndexOf(' ', LONGEST_SENTENCE);
  if (blank > 0) return blank;
  return isHighSurrogate(text.charCodeAt(LONGEST_SENTENCE - 1)) ? LONGEST_SENTENCE - 1 : LONGEST_SENTENCE;
}

/** Whether a cut after this unit would leave half a character. */
function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}
