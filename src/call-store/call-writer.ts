import type { Pool, QueryConfig } from 'pg';
import { binaryRows, type RowOf } from '../database/binary-rows.js';
import { copyIn } from '../database/copy-in.js';
import { jsonArray } from '../database/json-array.js';
import { JSON_COLUMNS } from '../calls/call-columns.js';
import { type CallRow, FACT_COLUMNS, TEXT_COLUMNS } from './call-row.js';

/** Every column, with its type. */
const COLUMNS = { ...FACT_COLUMNS, ...TEXT_COLUMNS };

/**
 * A statement with a name is read and planned once a connection, which for one of this length takes the database longer
 * than a row does.
 */
const STATEMENT = { name: 'write-calls', text: writeStatement() };

const COPY = `copy calls (${Object.keys(COLUMNS).join(', ')}) from stdin (format binary)`;

/** New rows from which on they are copied: it takes a second round trip, for which fewer save too little. */
const COPIED_FROM = 32;

/** PostgreSQL's code for a row that is there already. */
const UNIQUE_VIOLATION = '23505';

/** The database did not answer in time. */
export class Late extends Error {}

/** A row of a call of which nothing was written before. */
type NewRow = CallRow & Required<Pick<CallRow, 'firstFacts'>>;

/**
 * Writes rows; once it is fulfilled, all are committed. A row that is over stays as it is, whatever comes after it: rows
 * come twice where it was not known whether the first time had worked.
 *
 * Many new rows are copied, which costs the database half as much; the rest goes in one statement at the same time.
 * @param timeoutMs milliseconds after which it counts as failed, whatever the database does with it later
 * @throws what the database says; some of the rows may be stored then
 */
export async function writeCalls(pool: Pool, rows: readonly CallRow[], timeoutMs: number): Promise<void> {
  const latest = latestOf(rows);
  const news = latest.filter(isNew);
  await within<unknown>(
    timeoutMs,
    news.length < COPIED_FROM
      ? upsert(pool, latest)
      : Promise.all([
          copy(pool, news),
          upsert(
            pool,
            latest.filter((row) => !isNew(row)),
          ),
        ]),
  );
}

function isNew(row: CallRow): row is NewRow {
  return row.firstFacts !== undefined;
}

/** COPY takes all or none, and knows no conflict: rows that are there already after all go as if they were not new. */
async function copy(pool: Pool, rows: readonly NewRow[]): Promise<void> {
  try {
    await copyIn(pool, COPY, binaryRows(COLUMNS, rows.map(valuesOf)));
  } catch (error) {
    if (!isForStatement(error)) throw error;
    await upsert(pool, rows);
  }
}

function valuesOf(row: NewRow): RowOf<typeof COLUMNS> {
  const values: Record<string, unknown> = { ...row.firstFacts };
  for (const name of JSON_COLUMNS) values[name] = row[name];
  return values;
}

/** Whether the statement takes what could not be copied, or says better what is wrong with it. */
function isForStatement(error: unknown): boolean {
  const isOfAnotherType = error instanceof RangeError || error instanceof TypeError;
  return isOfAnotherType || (error as { code?: string }).code === UNIQUE_VIOLATION;
}

async function upsert(pool: Pool, rows: readonly CallRow[]): Promise<void> {
  if (rows.length > 0) await pool.query(statementFor(rows));
}

/**
 * The statement that writes rows, one of each call. Their facts go as one JSON text and are taken apart by the server; the
 * large texts go as they are, because quoting them once more would cost more than all the rest.
 */
export function statementFor(rows: readonly CallRow[]): QueryConfig {
  const facts = `[${rows.map((row) => row.facts).join(',')}]`;
  const texts = JSON_COLUMNS.map((name) =>
    jsonArray(
      rows.map((row) => row[name]),
      TEXT_COLUMNS[name],
    ),
  );
  return { ...STATEMENT, values: [facts, ...texts] };
}

/**
 * One row of each call, by their ids: two writers at once lock rows in the same order. A call's end may come before its
 * beginning: that one still waited for a database that said nothing when the end already went to disk.
 */
export function latestOf<Row extends CallRow>(rows: readonly Row[]): Row[] {
  const latest = new Map<string, Row>();
  for (const row of rows) {
    const known = latest.get(row.id);
    if (known === undefined || known.outcome === 'running') latest.set(row.id, row);
  }
  return [...latest.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** The wait for a free connection counts too, which the driver's own limits leave out. */
export async function within<T>(ms: number, query: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_fulfil, reject) => {
    timer = setTimeout(() => {
      reject(new Late(`nothing was stored within ${Math.round(ms)} ms`));
    }, ms).unref();
  });
  try {
    return await Promise.race([query, late]);
  } finally {
    clearTimeout(timer);
  }
}

function writeStatement(): string {
  const facts = Object.entries(FACT_COLUMNS).map(([name, type]) => `${name} ${type}`);
  const texts = Object.values(TEXT_COLUMNS).map((type, text) => `$${text + 2}::${type}[]`);
  const columns = Object.keys(COLUMNS);
  const changed = columns.filter((name) => name !== 'id');
  return `
    insert into calls (${columns.join(', ')})
    select ${columns.join(', ')}
    from rows from (
      json_to_recordset($1::json) as (${facts.join(', ')}),
      unnest(${texts.join(', ')})
    ) as sent (${columns.join(', ')})
    on conflict (id) do update
    set (${changed.join(', ')}) = (${changed.map((name) => `excluded.${name}`).join(', ')})
    where calls.outcome in ('running', 'interrupted') and excluded.outcome <> 'running'`;
}
