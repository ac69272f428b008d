/**
 * Chat marks are texts that a chat template turns into control tokens, whoever wrote them: with `<|im_end|>` in an
 * answer a candidate could close the user's turn and open a system turn (measured on SGLang and vLLM). They are made
 * harmless by one visible character, `¦` (U+00A6), behind their first one, and put back in replies, so that quotes match.
 *
 * The two functions are inverse for every text: what already looks made harmless gets one more `¦`.
 */

/** The word of a mark with bars. */
export const BARRED_WORD = String.raw`[^\s<>|]{1,64}`;

/** The words of those marks of Qwen3's template that have no bars. */
export const BARE_WORDS: readonly string[] = ['think', 'tool_call', 'tool_response', 'tools'];

const MARK = String.raw`\|${BARRED_WORD}\|>|/?(?:${BARE_WORDS.join('|')})>`;

const MARKS = new RegExp(String.raw`<(?=¦*(?:${MARK}))`, 'g');
export const HARMLESS_MARKS = new RegExp(String.raw`<¦(?=¦*(?:${MARK}))`, 'g');

/** Qwen3 reads these words as switches wherever they stand, while thinking is on. */
const SWITCHES = /(?<![^\s])\/(?=¦*(?:no_)?think(?!\w))/g;
export const HARMLESS_SWITCHES = /(?<![^\s])\/¦(?=¦*(?:no_)?think(?!\w))/g;

/** Which marks are meant. */
export interface MarkOptions {
  /** Whether Qwen3's switches `/think` and `/no_think` count too. */
  readonly thinking: boolean;
}

/** Makes the marks in a caller's text harmless. */
export function neutraliseMarks(text: string, { thinking }: MarkOptions): string {
  // To search for one character costs a fraction of the pattern.
  const harmless = text.includes('<') ? text.replaceAll(MARKS, '<¦') : text;
  return thinking ? harmless.replaceAll(SWITCHES, '/¦') : harmless;
}

/** Puts the marks back into a model's text. */
export function restoreMarks(text: string, { thinking }: MarkOptions): string {
  if (!text.includes('¦')) return text;
  const restored = text.replaceAll(HARMLESS_MARKS, '<');
  return thinking ? restored.replaceAll(HARMLESS_SWITCHES, '/') : restored;
}

/**
 * Makes the marks in all texts of a JSON value harmless, its keys included.
 * @returns the value itself where it has none
 */
export function neutraliseMarksIn<T>(value: T, options: MarkOptions): T {
  return changed(value, (text) => neutraliseMarks(text, options)) as T;
}

/**
 * Puts the marks back into all texts of a JSON value, its keys included.
 * @returns the value itself where nothing was made harmless
 */
export function restoreMarksIn<T>(value: T, options: MarkOptions): T {
  return changed(value, (text) => restoreMarks(text, options)) as T;
}

function changed(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const items = value.map((item: unknown) => changed(item, change));
    return items.some((item, at) => item !== value[at]) ? items : value;
  }
  const entries: [string, unknown][] = [];
  let differs = false;
  for (const [key, own] of Object.entries(value as Readonly<Record<string, unknown>>)) {
    const entry: [string, unknown] = [change(key), changed(own, change)];
    differs ||= entry[0] !== key || entry[1] !== own;
    entries.push(entry);
  }
  return differs ? Object.fromEntries(entries) : value;
}
