import { widthOf } from './graphemes.js';
import { TextFlow } from './text-flow.js';

/** Columns between a name and what is said of it. */
const GAP = 2;

/** How rows of two columns are laid out. */
export interface TwoColumns {
  /** Of the screen; Infinity where nothing is to be wrapped. */
  readonly columns: number;
  /** Columns in front of the names. @default 0 */
  readonly indent?: number;
  /** Colours a name. */
  readonly style: (name: string) => string;
}

/** Names, and behind them what is said of each; what is too long for its row goes on below itself. */
export function inTwoColumns(
  rows: readonly (readonly [name: string, says: string])[],
  { columns, indent = 0, style }: TwoColumns,
): string {
  const width = Math.max(0, ...rows.map(([name]) => widthOf(name)));
  return rows
    .map(([name, says]) => {
      const mark = ' '.repeat(indent) + style(name) + ' '.repeat(width - widthOf(name) + GAP);
      return wrapped(says, { columns, indent: indent + width + GAP, mark });
    })
    .join('');
}

/** A text in rows that begin in the same column; what stands in front of the first is its mark. */
export function wrapped(
  text: string,
  options: { readonly columns: number; readonly indent: number; readonly mark?: string },
): string {
  let rows = '';
  const flow = new TextFlow({
    ...options,
    write: (piece) => {
      rows += piece;
    },
  });
  flow.write(text.trimEnd());
  flow.end();
  return rows;
}
