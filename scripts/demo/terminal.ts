import { styleText } from 'node:util';

export const COLUMNS = 80;

export type Style = Parameters<typeof styleText>[0];

// Hangul, kana, ideographs, full-width forms and emoji take two columns of a terminal.
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
const NO_WIDTH = /[\p{M}\p{Cf}]/u;

/** The columns a text takes in a terminal. */
export function displayWidth(text: string): number {
  return Array.from(text, widthOf).reduce((sum, width) => sum + width, 0);
}

/** Breaks a text into lines of at most `width` columns: at spaces, and inside a word only if it is longer. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/[\s\p{Cc}]+/u).flatMap((longWord) => chop(longWord, width))) {
    const extended = line === '' ? word : `${line} ${word}`;
    if (displayWidth(extended) <= width) {
      line = extended;
    } else {
      lines.push(line);
      line = word;
    }
  }
  return [...lines, line];
}

export function padEnd(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - displayWidth(text)));
}

/** Colours a text, unless standard output is not a terminal or NO_COLOR is set. */
export function paint(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout });
}

function widthOf(character: string): number {
  if (NO_WIDTH.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}

function chop(word: string, width: number): string[] {
  const pieces = [''];
  for (const character of word) {
    const piece = pieces.at(-1) ?? '';
    if (displayWidth(piece) + widthOf(character) > width) pieces.push(character);
    else pieces[pieces.length - 1] = piece + character;
  }
  return pieces;
}
