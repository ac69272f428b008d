import type { Pool, PoolClient } from 'pg';
import type { CallRow } from '../../call-store/call-row.js';
import { JSON_COLUMNS, LARGE_COLUMNS, PLAIN_COLUMNS } from '../../calls/call-columns.js';
import { storeFault } from './store-fault.js';

/** Rows whose sizes are asked for at once. */
const LOOKED_AT = 1000;

/** Rows of a batch at the most. */
const MOST_ROWS = 500;

/** Bytes of a batch's texts beyond which it gets no further row, as the server stores them: some four times as much in all. */
const MOST_BYTES = 2_097_152;

/** The id before all others. */
const FIRST = '00000000-0000-0000-0000-000000000000';

/**
 * One moment of the store for as long as it takes, and values as texts that mean the same everywhere. What else a server
 * may have set for its users would end a long reading.
 */
const SNAPSHOT = `
  begin isolation level repeatable read read only;
  set local timezone = 'UTC';
  set local extra_float_digits = 1;
  set local statement_timeout = 0;
  set local idle_in_transaction_session_timeout = 0`;

const SIZES = `
  select id, ${LARGE_COLUMNS.map((name) => `coalesce(pg_column_size(${name}), 0)`).join(' + ')} as bytes
  from calls where id > $1 order by id limit ${LOOKED_AT}`;

const ROWS = `
  select calls.id, calls.outcome, row_to_json(fact)::text as facts,
    ${JSON_COLUMNS.map((name) => `${name}::text`).join(', ')}
  from calls, lateral (select ${PLAIN_COLUMNS.map((name) => `calls.${name}`).join(', ')}) as fact
  where calls.id > $1 and calls.id <= $2 order by calls.id`;

interface Size {
  readonly id: string;
  readonly bytes: number;
}

/**
 * All calls of a store as they stand at one moment, by their ids, in batches of bounded size. JSON columns are the very
 * texts that are stored.
 * @param name how the operator knows the store
 * @throws StoreFault
 */
export async function* readCalls(
  pool: Pool,
  name: string,
  signal?: AbortSignal,
): AsyncGenerator<readonly CallRow[], void, undefined> {
  let client: PoolClient | undefined;
  try {
    client = await pool.connect();
    await client.query(SNAPSHOT);
    let after = FIRST;
    for (;;) {
      const { rows: sizes } = await client.query<Size>(SIZES, [after]);
      if (sizes.length === 0) return;
      for (const last of lastOfBatches(sizes)) {
        signal?.throwIfAborted();
        const { rows } = await client.query<CallRow>(ROWS, [after, last]);
        yield rows;
        after = last;
      }
    }
  } catch (error) {
    throw storeFault(error, name);
  } finally {
    // With its transaction.
    client?.release(true);
  }
}

/** Cuts rows into batches. */
function lastOfBatches(sizes: readonly Size[]): string[] {
  const lasts: string[] = [];
  let rows = 0;
  let bytes = 0;
  sizes.forEach((size, index) => {
    rows += 1;
    bytes += size.bytes;
    if (rows < MOST_ROWS && bytes < MOST_BYTES && index < sizes.length - 1) return;
    lasts.push(size.id);
    rows = 0;
    bytes = 0;
  });
  return lasts;
}
