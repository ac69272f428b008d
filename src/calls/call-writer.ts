import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import { type CallRow, FACT_COLUMNS } from './call-row.js';

const FACTS = Object.entries(FACT_COLUMNS);
const TEXTS = ['request', 'reply', 'tries'] as const;
const COLUMNS = [...FACTS.map(([name]) => name), ...TEXTS];

/** SQL by number of rows; the same text again costs the driver nothing. */
const statements = new Map<number, string>();

/**
 * Writes rows in one statement, which is one commit. A row that is over stays as it is, whatever comes after it: rows
 * come twice where it was not known whether the first time had worked.
 *
 * The facts of all rows go as one JSON text and are taken apart by the server; the large texts go as they are, because
 * quoting them once more would cost more than all the rest. Two writers at once lock rows in the same order.
 * @param timeoutMs milliseconds after which it counts as failed, whatever the database does with it later
 */
export async function writeCalls(pool: Pool, rows: readonly CallRow[], timeoutMs: number): Promise<void> {
  const latest = latestOf(rows);
  const facts = `[${latest.map((row) => row.facts).join(',')}]`;
  const texts = latest.flatMap(({ request, reply, tries }) => [request, reply, tries]);
  await within(timeoutMs, pool.query(statementFor(latest.length), [facts, ...texts]));
}

/**
 * One row of each call, by their ids. A call's end may come before its beginning: that one still waited for a database
 * that said nothing when the end already went to disk.
 */
function latestOf(rows: readonly CallRow[]): CallRow[] {
  const latest = new Map<string, CallRow>();
  for (const row of rows) {
    const known = latest.get(row.id);
    if (known === undefined || known.outcome === 'running') latest.set(row.id, row);
  }
  return [...latest.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** The wait for a free connection counts too, which the driver's own limits leave out. */
async function within(ms: number, query: Promise<unknown>): Promise<void> {
  const ended = new AbortController();
  const late = delay(ms, undefined, { signal: ended.signal, ref: false }).then(() => {
    throw new Error(`nothing was stored within ${ms} ms`);
  });
  try {
    await Promise.race([query, late]);
  } finally {
    ended.abort();
    // Whichever of the two comes later is nobody's any more.
    late.catch(() => undefined);
    query.catch(() => undefined);
  }
}

function statementFor(rows: number): string {
  let statement = statements.get(rows);
  if (statement === undefined) {
    statement = insertOf(rows);
    statements.set(rows, statement);
  }
  return statement;
}

function insertOf(rows: number): string {
  const names = FACTS.map(([name]) => name);
  const types = FACTS.map(([name, type]) => `${name} ${type}`);
  const sent = Array.from({ length: rows }, (_, row) => {
    const parameters = TEXTS.map((_name, text) => `$${row * TEXTS.length + text + 2}::json`);
    return `(${[row + 1, ...parameters].join(', ')})`;
  });
  const changed = COLUMNS.filter((name) => name !== 'id');
  return `
    insert into calls (${COLUMNS.join(', ')})
    select ${[...names.map((name) => `fact.${name}`), ...TEXTS.map((name) => `sent.${name}`)].join(', ')}
    from rows from (json_to_recordset($1::json) as (${types.join(', ')}))
        with ordinality as fact (${names.join(', ')}, place)
      join (values ${sent.join(', ')}) as sent (place, ${TEXTS.join(', ')}) using (place)
    on conflict (id) do update
    set (${changed.join(', ')}) = (${changed.map((name) => `excluded.${name}`).join(', ')})
    where calls.outcome in ('running', 'interrupted') and excluded.outcome <> 'running'`;
}
