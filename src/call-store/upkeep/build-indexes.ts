import { type Kysely, sql } from 'kysely';
import type { Pool, PoolClient } from 'pg';
import type { Tables } from '../../database/tables.js';
import { changeTables, isGivingWay, STATEMENT_WITHIN_MS } from './locks.js';

/** An index of the log that a migration made for coming days alone, and the column that it is on. */
interface LateIndex {
  readonly name: string;
  readonly column: string;
}

const LATE_INDEXES: readonly LateIndex[] = [{ name: 'calls_request', column: 'request_id' }];

/** The number under which replicas leave this to one of them; any fixed one does. */
const LOCK = 7_316_024_985;

/** How long a build waits for long transactions. No query queues behind it; the limit is for sessions that were left open. */
const WAITS_FOR_MS = 60_000;

/** Seconds that it may take, and an index alone; with large days on a slow disk it is hours. */
export const BUILT_WITHIN_SECONDS = 6 * 3600;

/** What came of building: names of indexes. */
export interface BuiltIndexes {
  readonly built: readonly string[];
  /** Somebody was in the way; the next time will do. */
  readonly postponed: readonly string[];
}

/**
 * Builds what single tables of the log lack of its indexes, one after the other and while calls are written, and joins it
 * to the log's own index. One that was broken off is left as invalid by the database, and is begun anew.
 * @param signal ends it, also within an index
 */
export async function buildIndexes(
  pool: Pool,
  db: Kysely<Tables>,
  signal: AbortSignal,
): Promise<BuiltIndexes> {
  const done = { built: [] as string[], postponed: [] as string[] };
  const client = await pool.connect();
  try {
    const ask = cancellable(pool, client, signal);
    // Not pg_advisory_lock: a query that waits holds a snapshot, and the builder would wait for that.
    const { rows } = await client.query<{ locked: boolean }>('select pg_try_advisory_lock($1) as locked', [
      LOCK,
    ]);
    if (!rows[0]?.locked) return done;
    await client.query(`set lock_timeout = ${WAITS_FOR_MS}; set statement_timeout = 0`);
    for (const index of LATE_INDEXES) {
      for (const table of await tablesWithout(db, index)) {
        signal.throwIfAborted();
        const outcome = await build(ask, db, index, table);
        done[outcome].push(partOf(index, table));
        signal.throwIfAborted();
        // A long transaction is in the way of all of them, and each would be built in vain.
        if (outcome === 'postponed') return done;
      }
      await completed(db, index);
    }
    return done;
  } finally {
    // With its lock and its settings.
    client.release(true);
  }
}

/** The tables of the log that have no part in one of its indexes. */
async function tablesWithout(db: Kysely<Tables>, { name }: LateIndex): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select relname as name from pg_partition_tree('calls') join pg_class on oid = relid
    where isleaf and not exists (
      select from pg_inherits join pg_index on indexrelid = inhrelid
      where inhparent = to_regclass(${name}) and indrelid = relid
    )
    order by relname desc`.execute(db);
  return rows.map((row) => row.name);
}

/** The name of a table's part in an index: the one that PostgreSQL gives to those of new days. */
function partOf({ column }: LateIndex, table: string): string {
  return `${table}_${column}_idx`;
}

async function build(
  ask: (statement: string) => Promise<void>,
  db: Kysely<Tables>,
  index: LateIndex,
  table: string,
): Promise<'built' | 'postponed'> {
  const part = partOf(index, table);
  try {
    if (await isInvalid(db, part)) await ask(`drop index concurrently if exists ${part}`);
    await ask(`create index concurrently if not exists ${part} on ${table} (${index.column})`);
  } catch (error) {
    if (isGivingWay(error) || isGone(error)) return 'postponed';
    throw error;
  }
  // For this alone writers of that day wait, and not for long.
  return changeTables(db, (transaction) => attach(transaction, index.name, part), STATEMENT_WITHIN_MS);
}

/**
 * The log's index is valid once its last table is joined. Where that one was dropped instead, the database looks again when
 * any of them is joined once more: PostgreSQL 18 does; for earlier ones, and for queries, it makes no difference.
 */
async function completed(db: Kysely<Tables>, index: LateIndex): Promise<void> {
  if (!(await isInvalid(db, index.name)) || (await tablesWithout(db, index)).length > 0) return;
  const part = partOf(index, 'calls_other');
  await changeTables(db, (transaction) => attach(transaction, index.name, part), STATEMENT_WITHIN_MS);
}

async function attach(db: Kysely<Tables>, name: string, own: string): Promise<'built'> {
  await sql`alter index ${sql.table(name)} attach partition ${sql.table(own)}`.execute(db);
  return 'built';
}

async function isInvalid(db: Kysely<Tables>, index: string): Promise<boolean> {
  const { rows } = await sql`
    select from pg_index where indexrelid = to_regclass(${index}) and not indisvalid`.execute(db);
  return rows.length > 0;
}

/** Whether the table was dropped meanwhile, because it grew too old. PostgreSQL's code: undefined_table. */
function isGone(error: unknown): boolean {
  return (error as { code?: string }).code === '42P01';
}

/** Asks over one connection; the signal also ends what the server is doing for it. */
function cancellable(
  pool: Pool,
  client: PoolClient,
  signal: AbortSignal,
): (statement: string) => Promise<void> {
  return async (statement) => {
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    const cancel = (): void => {
      void pool.query('select pg_cancel_backend($1)', [rows[0]?.pid]).catch(() => undefined);
    };
    signal.addEventListener('abort', cancel, { once: true });
    try {
      // It may have been aborted before anybody listened.
      signal.throwIfAborted();
      // The driver knows the limit; its types do not.
      const limited = { text: statement, query_timeout: BUILT_WITHIN_SECONDS * 1000 };
      await client.query(limited);
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  };
}
