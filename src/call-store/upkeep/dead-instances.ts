import { type Kysely, sql } from 'kysely';
import type { Tables } from '../../database/tables.js';

/** Seconds without a sign after which an instance is dead: it gives one every 10. */
export const DEAD_AFTER_SECONDS = 60;

/** Days without a sign after which an instance is forgotten. */
const FORGOTTEN_AFTER_DAYS = 7;

/**
 * Marks what dead instances had begun as interrupted, ended at the last sign of its instance. Calls that are younger than
 * any instance may be silent stay: the first sign of theirs may still be on its way.
 * @returns how many calls it were
 */
export async function markInterrupted(db: Kysely<Tables>): Promise<number> {
  const silentSince = sql`now() - make_interval(secs => ${DEAD_AFTER_SECONDS})`;
  const { numAffectedRows = 0n } = await sql`
    update calls set
      outcome = 'interrupted',
      ended_at = greatest(
        calls.started_at,
        (select seen_at from instances where instances.id = calls.instance_id)
      )
    where outcome = 'running' and started_at < ${silentSince}
      and not exists (
        select from instances where instances.id = calls.instance_id and seen_at >= ${silentSince}
      )`.execute(db);
  return Number(numAffectedRows);
}

/** Deletes instances that were last seen long ago. */
export async function forgetInstances(db: Kysely<Tables>): Promise<void> {
  await sql`
    delete from instances where seen_at < now() - make_interval(days => ${FORGOTTEN_AFTER_DAYS})`.execute(db);
}
