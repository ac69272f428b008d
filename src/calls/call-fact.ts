import type { ColumnType, ValueOf } from '../database/binary-rows.js';
import type { CallRecord } from './call-record.js';

/** A fact of a call whose column has this type. */
interface FactOf<Type extends ColumnType> {
  /** The column's type in PostgreSQL; it also decides how the value is sent, read and documented. */
  readonly type: Type;
  /** A row of the table in docs/logs.md, and the description in the OpenAPI document. Markdown. */
  readonly doc: string;
  /**
   * Reads it from the record, while the call runs and when it is over.
   * @param instanceId the service that writes the row; the log line has none
   */
  readonly read: (call: CallRecord, instanceId?: string) => ValueOf[Type] | null | undefined;
  /** Every row has it: the column is never null. */
  readonly isAlways?: true;
  /** The only values that it can have. */
  readonly values?: readonly string[];
  /** Of JSON: an array of objects; else it is an object. */
  readonly isArray?: true;
  /** Holds what was said, which LOG_CONTENT=none keeps nothing of: the column is null then. */
  readonly isContent?: true;
  /** Of a fact that is content in part: reads the rest, which is kept in any case. */
  readonly readWithoutTexts?: (call: CallRecord) => ValueOf[Type] | null | undefined;
  /** Its field of the log line; left out: it is not in the line. */
  readonly line?: LineField;
  /** The parameter of GET /api/calls that finds calls by the whole value; left out: none does. */
  readonly filter?: string;
}

/** A field of the one log line per call. */
interface LineField {
  readonly name: string;
  /** Reads it where the line shows something else than the row does; undefined leaves it out. */
  readonly read?: (call: CallRecord) => unknown;
}

/** What is known of a call, as one column of the call log. */
export type CallFact = { readonly [Type in ColumnType]: FactOf<Type> }[ColumnType];
