import { type Kysely, sql } from 'kysely';
import type { Tables } from '../../database/tables.js';

/**
 * How long upkeep waits for a lock on the call log. New calls queue behind it meanwhile, so it is well below the time
 * after which they would rather wait on disk (DATABASE_TIMEOUT).
 */
const LOCK_WITHIN = '300ms';

/**
 * Milliseconds that a statement of upkeep may take, its wait for a lock included: below the second that DATABASE_TIMEOUT is
 * by default, and enough for making a table on a disk that is busy.
 */
export const STATEMENT_WITHIN_MS = 700;

/** PostgreSQL's codes for a lock that was not to be had in time, and for a statement that was ended. */
const LOCK_NOT_AVAILABLE = '55P03';
const QUERY_CANCELED = '57014';

/**
 * Runs one transaction that changes which tables the call log consists of.
 * @param statementWithinMs milliseconds that each of its statements may take, 0 for as long as it needs
 * @returns what the change returns, or that it had to give way: to somebody who reads or writes for long, or because it
 * would itself have kept calls from the log for long
 */
export async function changeTables<T>(
  db: Kysely<Tables>,
  change: (transaction: Kysely<Tables>) => Promise<T>,
  statementWithinMs: number,
): Promise<T | 'postponed'> {
  try {
    return await db.transaction().execute(async (transaction) => {
      await sql`set local lock_timeout = ${sql.lit(LOCK_WITHIN)}`.execute(transaction);
      await sql`set local statement_timeout = ${sql.lit(statementWithinMs)}`.execute(transaction);
      return await change(transaction);
    });
  } catch (error) {
    if (isGivingWay(error)) return 'postponed';
    throw error;
  }
}

/** Whether a statement was ended because somebody else was in its way, or because it would have been in theirs. */
export function isGivingWay(error: unknown): boolean {
  const { code } = error as { code?: string };
  return code === LOCK_NOT_AVAILABLE || code === QUERY_CANCELED;
}
