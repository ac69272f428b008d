import { type Kysely, sql } from 'kysely';
import type { Tables } from '../../database/tables.js';

/**
 * How long upkeep waits for a lock on the call log. New calls queue behind it meanwhile, so it is well below the time
 * after which they would rather wait on disk (DATABASE_TIMEOUT).
 */
const LOCK_WITHIN = '300ms';

/** PostgreSQL's code for a lock that was not to be had in time. */
const LOCK_NOT_AVAILABLE = '55P03';

/**
 * Runs one transaction that changes which tables the call log consists of.
 * @returns what the change returns, or that it had to give way to somebody who reads or writes for long
 */
export async function changeTables<T>(
  db: Kysely<Tables>,
  change: (transaction: Kysely<Tables>) => Promise<T>,
): Promise<T | 'postponed'> {
  try {
    return await db.transaction().execute(async (transaction) => {
      await sql`set local lock_timeout = ${sql.lit(LOCK_WITHIN)}`.execute(transaction);
      return await change(transaction);
    });
  } catch (error) {
    if ((error as { code?: string }).code === LOCK_NOT_AVAILABLE) return 'postponed';
    throw error;
  }
}
