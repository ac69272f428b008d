import { shown, widthOf } from './graphemes.js';

/** Where a character stands in a block of rows, both from 0. */
export interface Cell {
  readonly row: number;
  readonly column: number;
}

/** A text laid out in rows. */
export interface Layout {
  readonly rows: readonly string[];
  /** Of each grapheme, and of the end behind the last. */
  readonly places: readonly Cell[];
}

/** Lays graphemes out in rows of so many columns; one that is too wide for the rest of a row begins the next. */
export function layOut(graphemes: readonly string[], columns: number): Layout {
  const rows: string[] = [];
  const places: Cell[] = [];
  let row = '';
  let column = 0;
  const breakRow = (): void => {
    rows.push(row);
    row = '';
    column = 0;
  };
  for (const grapheme of graphemes) {
    if (grapheme === '\n') {
      places.push({ row: rows.length, column });
      breakRow();
      continue;
    }
    const text = shown(grapheme);
    const width = widthOf(text);
    if (column + width > columns) breakRow();
    places.push({ row: rows.length, column });
    row += text;
    column += width;
    // The cursor behind a full row stands at the start of the next.
    if (column >= columns) breakRow();
  }
  places.push({ row: rows.length, column });
  return { rows: [...rows, row], places };
}

/** The grapheme that stands in a row at a column or nearest before it; undefined where there is no such row. */
export function at({ places }: Layout, { row, column }: Cell): number | undefined {
  const found = places.findLastIndex((place) => place.row === row && place.column <= column);
  return found < 0 ? undefined : found;
}
