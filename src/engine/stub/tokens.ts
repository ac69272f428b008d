const CHAT_MARK = /<\|(?:im_start|im_end|endoftext)\|>|<\/?think>/y;

// Weights in twelfths of a token, so that the sums stay whole numbers.
const TOKEN = 12;
const LATIN_CHARACTER = 3;
const CJK_CHARACTER = 8;
const FIRST_CJK_CODE_POINT = 0x1100;
const FIRST_ASTRAL_CODE_POINT = 0x10000;

/**
 * Counts a text's tokens: about one for 4 Latin characters or for 1.5 Hangul or CJK characters, and one for
 * each chat mark, as in the real engines. An estimate: the stub has no tokenizer.
 */
export function countTokens(text: string): number {
  return tokenEnds(text).length;
}

/** Cuts a text into the pieces that {@link countTokens} counts, never inside a surrogate pair. */
export function splitTokens(text: string): string[] {
  return tokenEnds(text).map((end, index, ends) => text.slice(ends[index - 1] ?? 0, end));
}

/** Repeats a text until it has at least this many tokens. */
export function repeatTokens(text: string, count: number): string {
  let all = text;
  while (all !== '' && countTokens(all) < count) all += all;
  return all;
}

function tokenEnds(text: string): number[] {
  const ends: number[] = [];
  let weight = 0;
  let start = 0;
  let position = 0;
  const endToken = () => {
    ends.push(position);
    start = position;
  };
  while (position < text.length) {
    const mark = chatMarkAt(text, position);
    if (mark > 0) {
      if (position > start) endToken();
      position += mark;
      endToken();
      weight = 0;
      continue;
    }
    const codePoint = text.codePointAt(position) ?? 0;
    position += codePoint < FIRST_ASTRAL_CODE_POINT ? 1 : 2;
    weight += weightOf(codePoint);
    if (weight >= TOKEN) {
      endToken();
      weight -= TOKEN;
    }
  }
  if (position > start) endToken();
  return ends;
}

function chatMarkAt(text: string, position: number): number {
  if (text[position] !== '<') return 0;
  CHAT_MARK.lastIndex = position;
  return CHAT_MARK.test(text) ? CHAT_MARK.lastIndex - position : 0;
}

function weightOf(codePoint: number): number {
  if (codePoint < FIRST_CJK_CODE_POINT) return LATIN_CHARACTER;
  return codePoint < FIRST_ASTRAL_CODE_POINT ? CJK_CHARACTER : TOKEN;
}
