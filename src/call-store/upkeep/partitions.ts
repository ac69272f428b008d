import { type Kysely, sql } from 'kysely';
import type { Tables } from '../../database/tables.js';

/** The names of the tables that the call log consists of. */
export async function listPartitions(db: Kysely<Tables>): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select relname as name from pg_inherits join pg_class on oid = inhrelid
    where inhparent = 'calls'::regclass order by relname`.execute(db);
  return rows.map(({ name }) => name);
}

/** What time it is for the database: the one clock that replicas have in common. */
export async function databaseTime(db: Kysely<Tables>): Promise<Date> {
  const { rows } = await sql<{ now: Date }>`select now()`.execute(db);
  const [row] = rows;
  if (!row) throw new Error('The database does not tell the time');
  return row.now;
}
