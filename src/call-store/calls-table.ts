import type { Selectable } from 'kysely';
import type { FactName } from '../calls/call-columns.js';
import type { CallFact } from '../calls/call-fact.js';
import type { CALL_FACTS } from '../calls/call-facts.js';
import type { ValueOf } from '../database/binary-rows.js';
import type { Timestamp } from '../database/tables.js';

type Facts = typeof CALL_FACTS;

/** A value as the driver reads and writes it; JSON goes as its text. */
type Stored<Fact extends CallFact> = Fact extends { readonly values: readonly (infer Value)[] }
  ? Value
  : Fact['type'] extends 'timestamptz'
    ? Timestamp
    : Fact['type'] extends 'json' | 'jsonb'
      ? string
      : Fact['type'] extends 'text[]'
        ? string[]
        : ValueOf[Fact['type']];

/** One call; docs/logs.md explains each column. */
export type CallsTable = {
  [Name in FactName]: Stored<Facts[Name]> | (Facts[Name] extends { readonly isAlways: true } ? never : null);
};

declare module '../database/tables.js' {
  interface Tables {
    calls: CallsTable;
  }
}

/** A row as it is read; JSON as its text. */
export type StoredCall = Selectable<CallsTable>;
