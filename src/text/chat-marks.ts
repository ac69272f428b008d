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

/** Makes the marks in a caller's text harmless. */
export function neutraliseMarks(text: string, { thinking }: { readonly thinking: boolean }): string {
  const harmless = text.replaceAll(MARKS, '<¦');
  return thinking ? harmless.replaceAll(SWITCHES, '/¦') : harmless;
}

/** Puts the marks back into a model's text. */
export function restoreMarks(text: string, { thinking }: { readonly thinking: boolean }): string {
  const restored = text.replaceAll(HARMLESS_MARKS, '<');
  return thinking ? restored.replaceAll(HARMLESS_SWITCHES, '/') : restored;
}
