const OPEN = '<think>';
const CLOSE = '</think>';

/** Hears what of a text turns out to be thinking. */
export interface ThinkListener {
  /** The next piece of thinking. */
  thought(text: string): void;
  /** All of the answer that was returned so far is thinking too. */
  answerIsThought(): void;
}

/**
 * Takes a model's thinking out of a text that comes in pieces: the think blocks that the text begins with, and what
 * comes before a `</think>` alone on its line where there was no `<think>`, because the chat template had opened the
 * block. A text that only mentions the marks stays as it is. Of a block that is never closed, all is thinking.
 *
 * Only what can still be the beginning of such a mark is held back, and is looked at again with each piece; a flood of
 * blanks, the only long thing that can be held, ends at the watchdog of the stream.
 */
export class ThinkMarks {
  /** `start`: a mark may begin the text · `answer`: a stray closing mark may follow · `certain`: no mark counts any more. */
  #state: 'start' | 'thinking' | 'answer' | 'certain' = 'start';
  /** What is not decided yet. */
  #held = '';
  /** Whether the line in which the held text begins has had nothing but blanks. */
  #isLineBlank = true;
  #hadMark = false;

  constructor(private readonly listener: ThinkListener) {}

  /** @returns what is certain to be no mark and no thinking of a block, and was not returned yet; may be '' */
  write(piece: string): string {
    if (this.#state === 'certain') return piece;
    if (this.#state === 'answer' && this.#held === '' && !piece.includes('<')) return this.#passed(piece);
    this.#held += piece;
    while (this.#state === 'start' || this.#state === 'thinking') {
      const isDecided = this.#state === 'start' ? this.#begin() : this.#think();
      if (!isDecided) return '';
    }
    return this.#decided();
  }

  /** @returns the rest */
  end(): string {
    if (this.#state === 'answer') return this.#goOn(true);
    if (this.#state !== 'thinking') return this.#take(this.#held.length);
    this.listener.thought(this.#take(this.#held.length));
    return '';
  }

  #decided(): string {
    return this.#state === 'answer' ? this.#goOn(false) : this.#take(this.#held.length);
  }

  /** Looks how the text begins. @returns whether that is decided */
  #begin(): boolean {
    const bare = this.#held.trimStart();
    const isOpening = bare.startsWith(OPEN);
    if (isOpening || bare.startsWith(CLOSE)) {
      this.#hadMark = true;
      this.#held = bare.slice((isOpening ? OPEN : CLOSE).length);
      if (isOpening) this.#state = 'thinking';
      return true;
    }
    if (isBeginning(bare)) return false;
    if (this.#hadMark) this.#held = bare;
    this.#state = this.#hadMark ? 'certain' : 'answer';
    return true;
  }

  /** Looks for the end of a block. @returns whether it is there */
  #think(): boolean {
    const end = this.#held.indexOf(CLOSE);
    const isThere = end !== -1;
    this.listener.thought(this.#take(isThere ? end : Math.max(0, this.#held.length - CLOSE.length + 1)));
    if (!isThere) return false;
    this.#held = this.#held.slice(CLOSE.length);
    this.#state = 'start';
    return true;
  }

  /** Looks for a mark in an answer that began without one. */
  #goOn(isEnd: boolean): string {
    const held = this.#held;
    for (let at = held.indexOf('<'); at !== -1; at = held.indexOf('<', at + 1)) {
      if (held.startsWith(OPEN, at)) {
        this.#state = 'certain';
        break;
      }
      const place = held.startsWith(CLOSE, at) ? this.#placeOf(at, isEnd) : undefined;
      if (place === 'alone') return this.#endThinking(at);
      const isOpen = !isEnd && held.length - at < CLOSE.length && isBeginning(held.slice(at));
      if (place === 'open' || isOpen) return this.#take(at);
    }
    return this.#take(held.length);
  }

  /** Whether a closing mark is alone on its line; `open` while that depends on what comes. */
  #placeOf(at: number, isEnd: boolean): 'alone' | 'open' | 'inside' {
    let before = at - 1;
    while (isBlank(this.#held[before])) before--;
    const isFirst = before < 0 ? this.#isLineBlank : this.#held[before] === '\n';
    if (!isFirst) return 'inside';
    let behind = at + CLOSE.length;
    while (isBlank(this.#held[behind])) behind++;
    if (behind === this.#held.length) return isEnd ? 'alone' : 'open';
    return this.#held[behind] === '\n' ? 'alone' : 'inside';
  }

  /** All before the mark was thinking. */
  #endThinking(at: number): string {
    this.listener.answerIsThought();
    this.listener.thought(this.#take(at));
    this.#state = 'start';
    // The mark itself begins what is held now.
    return this.write('');
  }

  /** Hands out the first of the held characters. */
  #take(count: number): string {
    const taken = this.#held.slice(0, count);
    this.#held = this.#held.slice(count);
    return this.#passed(taken);
  }

  /** Takes note of the line in which a text ends. */
  #passed(text: string): string {
    const line = text.lastIndexOf('\n');
    if (line !== -1 || this.#isLineBlank) this.#isLineBlank = !/[^ \t\r]/.test(text.slice(line + 1));
    return text;
  }
}

function isBeginning(text: string): boolean {
  return OPEN.startsWith(text) || CLOSE.startsWith(text);
}

function isBlank(character: string | undefined): boolean {
  return character === ' ' || character === '\t' || character === '\r';
}
