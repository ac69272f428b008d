import { CsvError, type Parser, parse } from 'csv-parse';
import { checkedUtf8 } from './checked-utf8.js';
import { CsvInputError } from './csv-input-error.js';
import { withoutGuard } from './formula-guard.js';

/** A row as it was read, the header too. */
export interface CsvRecord {
  /** On which line of the file it begins, from 1. */
  readonly line: number;
  readonly cells: readonly string[];
}

/** Bytes of one row: what the largest body holds that the service can be set to take, and a little more. */
const MAX_ROW_BYTES = 65 * 1_048_576;

/**
 * Reads a CSV as `csvStream` writes it, and as spreadsheets do: UTF-8 with or without BOM, LF or CRLF, line breaks in
 * quotes. Empty lines are left out. Yields what each chunk completes. Throws a `CsvInputError` at the first row that
 * cannot be read, after the rows before it. A row may have `maxRowBytes`: a quote that is left open would else take the
 * rest of the file into memory.
 */
export async function* readCsv(
  chunks: AsyncIterable<Uint8Array>,
  maxRowBytes = MAX_ROW_BYTES,
): AsyncGenerator<readonly CsvRecord[], void, undefined> {
  let records: CsvRecord[] = [];
  let line = 1;
  const parser = parse({
    bom: true,
    record_delimiter: ['\r\n', '\n'],
    relax_column_count: true,
    max_record_size: maxRowBytes,
    // Collected here and kept from the parser's own queue, which loses the rows before an error.
    on_record: (cells: string[]) => {
      if (cells.length > 1 || cells[0] !== '') records.push({ line, cells: cells.map(withoutGuard) });
      line += 1 + cells.reduce((breaks, cell) => breaks + lineBreaks(cell), 0);
      return null;
    },
  });
  // Told to the one who writes as well.
  parser.on('error', () => undefined);
  try {
    for await (const chunk of checkedUtf8(chunks)) {
      const error = await written(parser, chunk);
      if (records.length > 0) yield records;
      records = [];
      if (error) throw rowError(error, line);
    }
    const error = await ended(parser);
    if (records.length > 0) yield records;
    if (error) throw rowError(error, line);
  } finally {
    parser.destroy();
  }
}

function written(parser: Parser, chunk: Buffer): Promise<Error | null | undefined> {
  return new Promise((resolve) => {
    parser.write(chunk, resolve);
  });
}

function ended(parser: Parser): Promise<Error | null | undefined> {
  return new Promise((resolve) => {
    parser.end(resolve);
  });
}

function lineBreaks(cell: string): number {
  let count = 0;
  for (let at = cell.indexOf('\n'); at >= 0; at = cell.indexOf('\n', at + 1)) count++;
  return count;
}

/** What the parser says of the row that begins on `line`, in a sentence. */
function rowError(error: Error, line: number): Error {
  if (!(error instanceof CsvError)) return error;
  switch (error.code) {
    case 'CSV_QUOTE_NOT_CLOSED':
      return new CsvInputError(line, 'a quote is opened in this row and never closed; close it.');
    case 'CSV_MAX_RECORD_SIZE':
      return new CsvInputError(
        line,
        'this row is too long; most likely it opens a quote that nothing closes.',
      );
    case 'CSV_INVALID_CLOSING_QUOTE':
    case 'INVALID_OPENING_QUOTE':
      return new CsvInputError(
        line,
        'a quote stands inside a cell; put the whole cell in quotes and write each quote in it twice, and separate cells by commas.',
      );
    default:
      return error;
  }
}
