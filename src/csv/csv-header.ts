import { CsvInputError } from './csv-input-error.js';
import type { CsvRecord } from './read-csv.js';

/** What other programs put between cells. */
const OTHER_SEPARATORS: readonly (readonly [string, string])[] = [
  [';', 'semicolons'],
  ['\t', 'tabs'],
  ['|', 'bars'],
];

/** Of a file from an old Mac or a spreadsheet's form for one. */
export const CR_ALONE = 'its lines end with CR alone; save the file with LF or CRLF.';

/** The first row of a CSV, by which every other row is read. */
export class CsvHeader {
  /** Names of the columns, without blanks around them. */
  readonly names: readonly string[];

  /**
   * @param needed columns that must be there
   * @param advice what to do where one is missing: a sentence
   * @throws CsvInputError for a row that names no such columns, or one twice
   */
  constructor({ line, cells }: CsvRecord, needed: readonly string[], advice: string) {
    this.names = cells.map((cell) => cell.trim());
    if (/^sep=/i.test(this.names[0] ?? ''))
      throw new CsvInputError(
        line,
        'this line (sep=) tells Excel alone what separates the cells; remove it.',
      );
    if (this.names.some((name) => name.includes('\r'))) throw new CsvInputError(line, CR_ALONE);
    const missing = needed.filter((name) => !this.names.includes(name));
    if (missing.length > 0) {
      const separator = separatorIn(this.names.join(), needed);
      throw new CsvInputError(
        line,
        separator === undefined
          ? `the header has no ${missing.join(', ')}. ${advice}`
          : `the cells are separated by ${separator}; save the file with commas between them.`,
      );
    }
    const twice = this.names.find((name, at) => name !== '' && this.names.lastIndexOf(name) !== at);
    if (twice !== undefined)
      throw new CsvInputError(line, `the header has ${twice} twice; remove one of the two columns.`);
  }

  /**
   * The cells of another row, one for each name.
   * @throws CsvInputError where there are more or fewer
   */
  cellsOf({ line, cells }: CsvRecord): readonly string[] {
    if (cells.length === this.names.length) return cells;
    throw new CsvInputError(
      line,
      `the number of cells is ${cells.length}, that of columns ${this.names.length}. A comma in a text needs quotes around the text.`,
    );
  }
}

/** What stands between the cells of a header in place of commas. */
function separatorIn(header: string, needed: readonly string[]): string | undefined {
  const found = OTHER_SEPARATORS.find(([separator]) => {
    const names = header.split(separator).map((name) => name.trim());
    return names.length > 1 && needed.some((name) => names.includes(name));
  });
  return found?.[1];
}
