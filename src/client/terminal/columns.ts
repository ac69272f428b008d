import { oneLine } from '../text.js';
import { graphemesOf, widthOf } from './graphemes.js';
import { visible } from './visible.js';

const CUT = '…';

/** UTF-16 units that a column takes, families of emoji aside. */
const MOST_UNITS_PER_COLUMN = 8;

/** A text of any kind in one line of at most so many columns; what is left out becomes an ellipsis. */
export function inOneLine(text: string, columns: number): string {
  // No more than this can be shown, and measuring a long text takes long.
  const start = text.slice(0, MOST_UNITS_PER_COLUMN * columns);
  const line = visible(oneLine(start));
  const isWhole = start.length === text.length && widthOf(line) <= columns;
  return isWhole ? line : cut(line, columns - 1) + CUT;
}

/** A text filled up with spaces to so many columns. */
export function padded(text: string, columns: number, side: 'left' | 'right' = 'left'): string {
  const space = ' '.repeat(Math.max(0, columns - widthOf(text)));
  return side === 'left' ? text + space : space + text;
}

function cut(text: string, columns: number): string {
  let width = 0;
  let kept = '';
  for (const grapheme of graphemesOf(text)) {
    width += widthOf(grapheme);
    if (width > columns) break;
    kept += grapheme;
  }
  return kept.trimEnd();
}
