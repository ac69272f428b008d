import type { CallRecord } from '../calls/call-record.js';
import {
  factOf,
  type FactName,
  JSON_COLUMNS,
  type JsonColumn,
  PLAIN_COLUMNS,
  type StoredOutcome,
  typesOf,
} from '../calls/call-columns.js';
import type { RowWrite } from '../calls/row-write.js';
import { type RowOf, storableText } from '../database/binary-rows.js';
import { type JsonText, storableJson } from '../database/json-array.js';

/** Columns that are no JSON of their own, with their types; in this order they are written. */
export const FACT_COLUMNS = typesOf(PLAIN_COLUMNS);

/** Columns that are JSON, with their types; they are written after the others. */
export const TEXT_COLUMNS = typesOf(JSON_COLUMNS);

type Facts = RowOf<typeof FACT_COLUMNS>;

/** The facts of a row, with those that every row has. */
type RowFacts = Facts & Pick<CallRow, 'id' | 'outcome'>;

/** The JSON columns of a row. */
export type RowTexts = Readonly<Record<JsonColumn, JsonText | null>>;

/** One row of the call log on its way: JSON texts, as they wait on disk. */
export interface CallRow extends RowTexts {
  readonly id: string;
  readonly outcome: StoredOutcome;
  /** The columns of `FACT_COLUMNS`, as JSON. */
  readonly facts: string;
  /** The same as values, where nothing was written of this call before, as far as its service knows. */
  readonly firstFacts?: Facts;
  /** Statements that are to be committed with it; they are not written to disk. */
  readonly writes?: readonly RowWrite[];
}

/** How a column of a row is read from the record. */
interface Reader {
  readonly name: string;
  readonly read: (call: CallRecord, instanceId: string) => unknown;
}

/** How a row is read with its texts, and under LOG_CONTENT=none. */
const READERS = {
  full: { facts: PLAIN_COLUMNS.map(withTexts), texts: JSON_COLUMNS.map(withTexts) },
  none: { facts: PLAIN_COLUMNS.flatMap(withoutTexts), texts: JSON_COLUMNS.flatMap(withoutTexts) },
};

const NO_TEXTS = Object.fromEntries(JSON_COLUMNS.map((name) => [name, null])) as RowTexts;

/**
 * Makes the row of a call, while it runs or when it is over.
 * @param withContent whether the texts are kept, or facts alone
 */
export function callRow(call: CallRecord, instanceId: string, withContent: boolean): CallRow {
  const readers = withContent ? READERS.full : READERS.none;
  const facts: Record<string, unknown> = {};
  for (const { name, read } of readers.facts) facts[name] = read(call, instanceId);
  const texts: Record<string, unknown> = { ...NO_TEXTS };
  for (const { name, read } of readers.texts) texts[name] = read(call, instanceId) ?? null;
  // A stream's row was there before, from its start on.
  const isFirst = call.outcome === undefined || !call.streams;
  return rowOf(facts as RowFacts, texts as RowTexts, isFirst);
}

/**
 * Makes the row of facts that are values; they become text where they are asked for as such.
 * @param isFirst whether nothing was written of this call before
 */
export function rowOf(facts: RowFacts, texts: RowTexts, isFirst: boolean): CallRow {
  const { id, outcome } = facts;
  return {
    id,
    outcome,
    get facts() {
      return storable(facts);
    },
    ...(isFirst && { firstFacts: facts }),
    ...texts,
  };
}

/** The JSON columns of a row, each changed in the same way. */
export function changeTexts(row: RowTexts, change: (text: JsonText) => string): RowTexts {
  const texts: Record<string, string | null> = { ...NO_TEXTS } as Record<string, null>;
  for (const name of JSON_COLUMNS) {
    const text = row[name];
    texts[name] = text === null ? null : change(text);
  }
  return texts as RowTexts;
}

/** A row that was written down; an older version knew fewer columns of JSON. */
export function wholeRow(row: Omit<CallRow, keyof RowTexts> & Partial<RowTexts>): CallRow {
  return { ...NO_TEXTS, ...row };
}

function withTexts(name: FactName): Reader {
  const { type, read } = factOf(name);
  if (type !== 'jsonb') return { name, read };
  return {
    name,
    read: (call) => {
      const json = read(call);
      return typeof json === 'string' ? storableJson(json) : json;
    },
  };
}

function withoutTexts(name: FactName): Reader[] {
  const { isContent, readWithoutTexts } = factOf(name);
  if (!isContent) return [withTexts(name)];
  return readWithoutTexts ? [{ name, read: readWithoutTexts }] : [];
}

/** The facts as JSON; what PostgreSQL's texts cannot hold stays what it is in the JSON columns alone. */
function storable(row: Facts): string {
  const text = JSON.stringify(row);
  if (!/\\u(?:0000|d[89a-f])/.test(text)) return text;
  return JSON.stringify(row, (_, value: unknown) =>
    typeof value === 'string' ? storableText(value) : value,
  );
}
