import { type Kysely, sql } from 'kysely';
import type { Tables } from '../../database/tables.js';
import { daysToMake, partitionBounds, partitionName } from './days.js';
import { changeTables } from './locks.js';
import { listPartitions } from './partitions.js';

/** The number under which replicas take turns at making days; any fixed one does. */
const LOCK = 7_316_024_982;

/**
 * Bytes of a call's row up to which its texts stay in it as they are: three such rows fill a page of 8 KiB. Of a larger one
 * the largest are compressed and, where that is not enough, put elsewhere. By itself PostgreSQL does so from a quarter of a
 * page on, which for the row of a short call takes it as long as all the rest of writing it.
 */
export const ROW_TARGET_BYTES = 2712;

/** Calls that are moved out of `calls_other` at the most, for writing stands still meanwhile. */
const MOST_MOVED = 1000;

/** What came of making days: names of tables. */
export interface MadeDays {
  readonly made: readonly string[];
  /** So many of these days' calls are in `calls_other` already that they stay there. */
  readonly left: readonly string[];
  /** Somebody was at the tables, and the next time will do; or `calls_other` is so large that it took too long. */
  readonly postponed: readonly string[];
}

/**
 * Makes the tables for today's calls and those of the coming days, where they are missing. Replicas may do so at once.
 * @param statementWithinMs milliseconds for which calls may be kept from the log by a statement; left out: as many as it
 * needs, for a command that somebody waits for
 */
export async function makeDays(db: Kysely<Tables>, now: Date, statementWithinMs = 0): Promise<MadeDays> {
  const there = new Set(await listPartitions(db));
  const days = { made: [] as string[], left: [] as string[], postponed: [] as string[] };
  for (const day of daysToMake(now)) {
    const name = partitionName(day);
    if (there.has(name)) continue;
    const done = (await hasManyElsewhere(db, day))
      ? 'left'
      : await changeTables(db, (transaction) => makeDay(transaction, day), statementWithinMs);
    if (done !== 'there') days[done].push(name);
    // Whoever is in the way of one is in the way of all.
    if (done === 'postponed') break;
  }
  return days;
}

async function hasManyElsewhere(db: Kysely<Tables>, day: Date): Promise<boolean> {
  const { from, to } = partitionBounds(day);
  const { rows } = await sql`
    select from calls_other where id >= ${from} and id < ${to} limit ${MOST_MOVED + 1}`.execute(db);
  return rows.length > MOST_MOVED;
}

/**
 * The table is made by itself and joined to the log. To join it the database reads all of `calls_other`, to see that it
 * has no call of that day: upkeep ends that where it takes long. Writers wait meanwhile at the log itself: one
 * that had already been sent to `calls_other` would find its day gone from there, and fail. Readers of `calls_other` wait, too.
 */
async function makeDay(db: Kysely<Tables>, day: Date): Promise<'made' | 'there'> {
  const name = partitionName(day);
  const { from, to } = partitionBounds(day);
  const table = sql.table(name);
  await sql`select pg_advisory_xact_lock(${LOCK})`.execute(db);
  const { rows } = await sql`select where to_regclass(${name}) is not null`.execute(db);
  if (rows.length > 0) return 'there';
  await sql`
    create table ${table} (like calls including all)
    with (toast_tuple_target = ${sql.lit(ROW_TARGET_BYTES)})`.execute(db);
  await sql`lock table only calls in share row exclusive mode`.execute(db);
  await sql`
    with moved as (delete from calls_other where id >= ${from} and id < ${to} returning *)
    insert into ${table} select * from moved`.execute(db);
  await sql`
    alter table calls attach partition ${table}
    for values from (${sql.lit(from)}) to (${sql.lit(to)})`.execute(db);
  return 'made';
}
