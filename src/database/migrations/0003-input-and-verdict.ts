import { type Kysely, sql } from 'kysely';

/** The new column with texts of any length. */
const LARGE = 'input';

/**
 * What callers sent, what answers decide, and an index by request. The columns cost nothing: rows that are there have
 * nulls in them. The index is made at once where there are no calls. Else the log gets one that is still without those of
 * its days: days that come later bring theirs, and upkeep makes the others one by one, since a start must not wait for it.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table calls
      add column input jsonb,
      add column score real,
      add column is_passed boolean,
      add column action text,
      add column system_prompt_hash text,
      add column prompt_name text`.execute(db);
  if (await hasLz4(db)) await compress(db);
  const { rows: calls } = await sql`select from calls limit 1`.execute(db);
  const tables = calls.length === 0 ? sql`calls` : sql`only calls`;
  await sql`create index calls_request on ${tables} (request_id)`.execute(db);
}

async function hasLz4(db: Kysely<unknown>): Promise<boolean> {
  const { rows } = await sql<{ found: boolean }>`
    select 'lz4' = any(enumvals) as found from pg_settings where name = 'default_toast_compression'`.execute(
    db,
  );
  return rows[0]?.found ?? false;
}

/** A table's setting does not reach the tables that it consists of. */
async function compress(db: Kysely<unknown>): Promise<void> {
  const { rows } = await sql<{ name: string }>`
    select relname as name from pg_partition_tree('calls') join pg_class on oid = relid`.execute(db);
  for (const { name } of rows) {
    await sql`alter table ${sql.table(name)} alter column ${sql.ref(LARGE)} set compression lz4`.execute(db);
  }
}
