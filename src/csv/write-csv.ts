import { stringify } from 'csv-stringify/sync';
import { guardFormula } from './formula-guard.js';

/** What a cell can hold; nothing makes an empty cell. */
export type CsvCell = string | number | boolean | Date | null | undefined;

/** A column of a CSV and where its cells come from. */
export interface CsvColumn<Row> {
  readonly name: string;
  readonly cell: (row: Row) => CsvCell;
}

/** Characters after which `csvStream` hands out what it has. */
const CHUNK_CHARACTERS = 65_536;

const OPTIONS = {
  cast: {
    string: guardFormula,
    boolean: String,
    date: (date: Date) => date.toISOString(),
  },
} as const;

/** The first line of a CSV, with its line feed. */
export function csvHeader<Row>(columns: readonly CsvColumn<Row>[]): string {
  return stringify([columns.map(({ name }) => name)], OPTIONS);
}

/** A row as RFC 4180 quotes it, with its line feed; texts that a spreadsheet would run are made harmless. */
export function csvLine<Row>(columns: readonly CsvColumn<Row>[], row: Row): string {
  return stringify([columns.map(({ cell }) => cell(row))], OPTIONS);
}

/**
 * Makes a step of a stream that turns rows into a CSV with a header, in chunks of about 64 KiB. It holds one chunk,
 * however many rows come.
 */
export function csvStream<Row>(
  columns: readonly CsvColumn<Row>[],
): (rows: AsyncIterable<Row> | Iterable<Row>) => AsyncGenerator<string, void, undefined> {
  return async function* (rows) {
    let text = csvHeader(columns);
    for await (const row of rows) {
      text += csvLine(columns, row);
      if (text.length < CHUNK_CHARACTERS) continue;
      yield text;
      text = '';
    }
    if (text) yield text;
  };
}
