/** A column of a table, its cells as they are shown. */
export interface TableColumn {
  readonly name: string;
  readonly cells: readonly string[];
}

/** Characters that take two places on a terminal: Korean, Chinese and Japanese script, full-width forms. */
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6]/gu;

const CHARACTERS = new Intl.Segmenter();

/**
 * A table laid out as pandas prints one with a named index: names left, columns right, two spaces between, the index's
 * own name on a line below the header. Every line ends with a line feed.
 */
export function table(indexName: string, names: readonly string[], columns: readonly TableColumn[]): string {
  const index = aligned(['', indexName, ...names], 'left');
  const shown = columns.map(({ name, cells }) => aligned([name, '', ...cells], 'right'));
  return index.map((name, row) => `${[name, ...shown.map((cells) => cells[row])].join('  ')}\n`).join('');
}

/** Texts filled up to the width of the widest. */
function aligned(texts: readonly string[], side: 'left' | 'right'): string[] {
  const width = texts.reduce((widest, text) => Math.max(widest, widthOf(text)), 0);
  return texts.map((text) => {
    const space = ' '.repeat(width - widthOf(text));
    return side === 'left' ? text + space : space + text;
  });
}

/** Places on a terminal. */
function widthOf(text: string): number {
  return [...CHARACTERS.segment(text)].length + [...text.matchAll(WIDE)].length;
}
