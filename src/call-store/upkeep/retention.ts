import { type Kysely, sql } from 'kysely';
import type { Tables } from '../../database/tables.js';
import { dayOfPartition, firstId, oldestKeptDay } from './days.js';
import { changeTables, STATEMENT_WITHIN_MS } from './locks.js';
import { listPartitions } from './partitions.js';

/** Calls that one statement deletes from `calls_other`. */
const BATCH = 1000;

/** What came of dropping days: names of tables. */
export interface DroppedDays {
  readonly dropped: readonly string[];
  /** Somebody read them; the next time will do. */
  readonly postponed: readonly string[];
}

/** Drops the days that are older than RETENTION_DAYS as a whole, at the cost of a file each. */
export async function dropOldDays(
  db: Kysely<Tables>,
  now: Date,
  retentionDays: number,
): Promise<DroppedDays> {
  const oldest = oldestKeptDay(now, retentionDays);
  const days = { dropped: [] as string[], postponed: [] as string[] };
  for (const name of await listPartitions(db)) {
    const day = dayOfPartition(name);
    if (day === undefined || day >= oldest) continue;
    const done = await changeTables(db, (transaction) => drop(transaction, name), STATEMENT_WITHIN_MS);
    days[done].push(name);
    // Whoever is in the way of one is in the way of all.
    if (done === 'postponed') break;
  }
  return days;
}

async function drop(db: Kysely<Tables>, name: string): Promise<'dropped'> {
  await sql`drop table if exists ${sql.table(name)}`.execute(db);
  return 'dropped';
}

/**
 * Deletes the calls of such days that have no table of their own, some at a time.
 * @param ending ends it between two statements; the next time goes on
 * @returns how many it were
 */
export async function deleteOldCalls(
  db: Kysely<Tables>,
  now: Date,
  retentionDays: number,
  ending?: AbortSignal,
): Promise<number> {
  const before = firstId(oldestKeptDay(now, retentionDays));
  let deleted = 0;
  while (!ending?.aborted) {
    const { numAffectedRows = 0n } = await sql`
      delete from calls_other where id in (select id from calls_other where id < ${before} limit ${BATCH})`.execute(
      db,
    );
    deleted += Number(numAffectedRows);
    if (numAffectedRows < BATCH) break;
  }
  return deleted;
}
