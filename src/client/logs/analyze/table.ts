import { padded } from '../../terminal/columns.js';
import { widthOf } from '../../terminal/graphemes.js';

/** A column of a table, its cells as they are shown. */
export interface TableColumn {
  readonly name: string;
  readonly cells: readonly string[];
}

/**
 * A table laid out as pandas prints one with a named index: names left, columns right, two spaces between, the index's
 * own name on a line below the header. Every line ends with a line feed.
 */
export function table(indexName: string, names: readonly string[], columns: readonly TableColumn[]): string {
  const index = aligned(['', indexName, ...names], 'left');
  const shown = columns.map(({ name, cells }) => aligned([name, '', ...cells], 'right'));
  return index.map((name, row) => `${[name, ...shown.map((cells) => cells[row])].join('  ')}\n`).join('');
}

/** Texts filled up to the width of the widest, in places on a terminal. */
function aligned(texts: readonly string[], side: 'left' | 'right'): string[] {
  const widest = Math.max(...texts.map(widthOf));
  return texts.map((text) => padded(text, widest, side));
}
