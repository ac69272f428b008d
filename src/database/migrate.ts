import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { type Kysely, sql } from 'kysely';
import { Migrator } from 'kysely/migration';
import { DatabaseRefused } from './database-refused.js';
import { migrations } from './migrations/index.js';
import type { Tables } from './tables.js';

/** The oldest server whose SQL the migrations are written in. */
const OLDEST_SERVER = 140_000;

/** PostgreSQL's code for a lock that was not to be had in time. */
const LOCK_NOT_AVAILABLE = '55P03';

/** How long a migration waits for a lock before it gives way, and what it waits before it tries again. */
const LOCK_WITHIN = '300ms';
const AGAIN_AFTER_MS = 500;

/** Milliseconds after which the start gives up. */
const GIVE_UP_AFTER_MS = 60_000;

const logger = new Logger('Database');

/** The number under which services on one database take turns; any fixed one does. */
const LOCK = 7_316_024_981;

/**
 * Brings the schema up to date: under a lock, each migration in a transaction of its own, forward only.
 * @throws DatabaseRefused for a server that is too old, another encoding than UTF-8, a schema that is too new, and missing rights
 */
export async function migrate(db: Kysely<Tables>): Promise<void> {
  await db.connection().execute(async (connection) => {
    const { rows } = await sql<{ version: number; encoding: string }>`
      select current_setting('server_version_num')::int as version,
        current_setting('server_encoding') as encoding`.execute(connection);
    if ((rows[0]?.version ?? 0) < OLDEST_SERVER) {
      throw new DatabaseRefused('The server of DATABASE_URL is older than PostgreSQL 14: use 14 or later.');
    }
    if (rows[0]?.encoding !== 'UTF8') {
      throw new DatabaseRefused(
        `The database of DATABASE_URL has the encoding ${rows[0]?.encoding ?? ''}, which has no Korean: make one with createdb --encoding=UTF8 --template=template0.`,
      );
    }
    await sql`select pg_advisory_lock(${LOCK})`.execute(connection);
    try {
      await upToDate(connection);
    } finally {
      await sql`select pg_advisory_unlock(${LOCK})`.execute(connection);
    }
  });
}

/** Brings the schema up to date. What waits for a table gives way soon, since new calls queue behind it, and tries again. */
async function upToDate(db: Kysely<Tables>): Promise<void> {
  const migrator = new Migrator({
    db,
    provider: { getMigrations: () => Promise.resolve({ ...migrations }) },
    migrationTableName: 'llm_service_migrations',
    migrationLockTableName: 'llm_service_migrations_lock',
  });
  let isTold = false;
  const giveUpAt = performance.now() + GIVE_UP_AFTER_MS;
  await sql`set lock_timeout = ${sql.lit(LOCK_WITHIN)}`.execute(db);
  try {
    for (;;) {
      const { error, results } = await migrator.migrateUp();
      if (results?.length === 0) return;
      if (error === undefined) continue;
      if (codeOf(error) !== LOCK_NOT_AVAILABLE || performance.now() > giveUpAt) throw explained(error);
      if (!isTold)
        logger.warn({ message: 'the schema is changed once long reads and writes of the call log are over' });
      isTold = true;
      await delay(AGAIN_AFTER_MS);
    }
  } finally {
    await sql`reset lock_timeout`.execute(db);
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as { code?: string }).code;
}

function explained(error: unknown): unknown {
  const { message = '' } = error as { message?: string };
  const code = codeOf(error);
  if (code === LOCK_NOT_AVAILABLE) {
    return new DatabaseRefused(
      'The tables of the call log cannot be changed, because somebody reads or writes them for long: end backups and long queries (pg_stat_activity shows them), then start again.',
    );
  }
  const missing = /previously executed migration (\S+) is missing/.exec(message)?.[1];
  if (missing !== undefined) {
    return new DatabaseRefused(
      `The database was written by a newer version of the service (it has ${missing}): start that version, or name another database in DATABASE_URL.`,
    );
  }
  // https://www.postgresql.org/docs/current/errcodes-appendix.html: insufficient_privilege
  if (code === '42501') {
    return new DatabaseRefused(
      `The user of DATABASE_URL may not make tables (${message}): grant it CREATE on the schema public, or make it the database's owner.`,
    );
  }
  return error;
}
