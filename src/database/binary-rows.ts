import { BinaryWriter, mostBytes } from './binary-writer.js';

/** What a value of each type is made of; nothing is null. */
export interface ValueOf {
  readonly uuid: string;
  readonly timestamptz: Date;
  readonly text: string;
  readonly 'text[]': readonly string[];
  readonly integer: number;
  readonly real: number;
  readonly boolean: boolean;
  readonly json: string | Buffer;
  readonly jsonb: string | Buffer;
}

/** Types of columns, by their names in PostgreSQL. */
export type ColumnType = keyof ValueOf;

/** A row by its columns. What is left out or undefined is null. */
export type RowOf<Columns extends Readonly<Record<string, ColumnType>>> = {
  readonly [Name in keyof Columns]?: ValueOf[Columns[Name]] | null | undefined;
};

/** What every such file begins with: its mark, no flags, and no header beyond that. */
const HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');

/** In place of a further row's number of columns. */
const END = -1;

/** Bytes of a number of columns. */
const COUNT_BYTES = 2;

/** PostgreSQL's number for the type text, the same in every database. */
const TEXT_OID = 25;

/** Milliseconds from 1970 to 2000, from where PostgreSQL counts. */
const EPOCH_MS = 946_684_800_000;

const WRITE: { readonly [Type in ColumnType]: (to: BinaryWriter, value: ValueOf[Type]) => void } = {
  uuid: (to, value) => {
    to.uuid(value);
  },
  timestamptz: (to, value) => {
    to.bigint(BigInt(value.getTime() - EPOCH_MS) * 1000n);
  },
  text: (to, value) => {
    to.text(storableText(value));
  },
  'text[]': (to, value) => {
    to.array(TEXT_OID, value.map(storableText));
  },
  integer: (to, value) => {
    to.integer(value);
  },
  real: (to, value) => {
    to.real(value);
  },
  boolean: (to, value) => {
    to.boolean(value);
  },
  json: (to, value) => {
    to.text(value);
  },
  jsonb: (to, value) => {
    to.jsonb(value);
  },
};

/** PostgreSQL's texts have neither NUL nor halves of surrogate pairs; they become U+FFFD. */
export function storableText(text: string): string {
  return text.replaceAll('\0', '\ufffd').toWellFormed();
}

/**
 * Rows as COPY reads them with FORMAT binary, the columns in the order in which they are named:
 * https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-FILE-FORMATS
 * @throws RangeError where a value is none of its column's type, as PostgreSQL would refuse it too
 */
export function binaryRows<const Columns extends Readonly<Record<string, ColumnType>>>(
  columns: Columns,
  rows: readonly RowOf<Columns>[],
): Buffer {
  const types = Object.entries(columns);
  const names = Object.keys(columns);
  const most = rows.reduce(
    (sum, row) => names.reduce((bytes, name) => bytes + mostBytes(row[name]), sum + COUNT_BYTES),
    HEADER.length + COUNT_BYTES,
  );
  const writer = new BinaryWriter(most);
  writer.raw(HEADER);
  for (const row of rows) {
    writer.int16(types.length);
    for (const [name, type] of types) {
      const value = row[name];
      if (value === undefined || value === null) writer.null();
      else (WRITE[type] as (to: BinaryWriter, value: unknown) => void)(writer, value);
    }
  }
  writer.int16(END);
  return writer.written;
}
