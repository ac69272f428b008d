import { TAB } from './screen.js';

/** Control characters, line breaks, and marks that turn the direction of writing. */
const UNSEEN = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;

/** The same, but for line feeds. */
const UNSEEN_IN_LINES = /(?!\n)[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;

/** How picocolors begins and ends bold, dim and coloured text. */
// eslint-disable-next-line no-control-regex -- what is looked for is a control sequence
const STYLE = /(\u001b\[(?:[12]|22|3[0-79])m)/;

/**
 * A text of a file as a terminal may show it: nothing in it moves the cursor, breaks the line or hides. JSON stays the
 * JSON that it was: what it has of these stands in strings, where the escapes mean the same.
 */
export function visible(text: string): string {
  return text.replace(UNSEEN, escaped);
}

/** The same for a text of several lines: line feeds stay, tabs become spaces. */
export function visibleLines(text: string): string {
  return text
    .replaceAll(/\r(?=\n|$)/g, '')
    .replaceAll('\t', TAB)
    .replace(UNSEEN_IN_LINES, escaped);
}

/** The same for a text that is styled for a terminal already. */
export function styledLines(text: string): string {
  return text
    .split(STYLE)
    .map((piece, index) => (index % 2 === 1 ? piece : visibleLines(piece)))
    .join('');
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
