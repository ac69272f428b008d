import { sql } from 'kysely';
import type { Pool } from 'pg';
import { type ConstructorOptions, type Db, PgBoss, type Queue, type WorkOptions } from 'pg-boss';
import { isConnectionLost } from '../database/connection.js';
import type { DatabaseService } from '../database/database.service.js';

/** The number under which replicas take turns at setting up; any fixed one does. */
const LOCK = 7_316_024_983;

/** Milliseconds after which a query counts as failed: a database that says nothing must not hold the end of the service. */
const QUERY_WITHIN_MS = 30_000;

/** Jobs that are over are kept this long, for whoever looks into them. */
const KEPT_SECONDS = 86_400;

/**
 * Jobs that come by the minute at the most leave nothing to hurry for, and replicas that have nothing to do should leave
 * the database alone: everything is as slow as pg-boss allows (45 s for what is scheduled) or as is still of use.
 */
const PACE = {
  cronMonitorIntervalSeconds: 45,
  cronWorkerIntervalSeconds: 30,
  superviseIntervalSeconds: 600,
  monitorIntervalSeconds: 600,
  maintenanceIntervalSeconds: 3600,
  queueCacheIntervalSeconds: 3600,
  bamIntervalSeconds: 3600,
  flowIntervalSeconds: 3600,
} satisfies ConstructorOptions;

/** How a worker looks for jobs. */
export const WORK: WorkOptions = { pollingIntervalSeconds: 30 };

/** What every queue has in common: one job waits at the most, and what fails is done by the next one. */
export const QUEUE = {
  policy: 'short',
  retryLimit: 0,
  expireInSeconds: 600,
  deleteAfterSeconds: KEPT_SECONDS,
} satisfies Omit<Queue, 'name'>;

/** The queue of background jobs, in a schema of its own of the same database and over the same connections. */
export function createJobQueue(database: DatabaseService): PgBoss {
  return new PgBoss({ ...PACE, db: connected(database), reindex: false });
}

/** Starts a queue, and makes its tables where they are missing: one replica at a time, for pg-boss fails where two do. */
export async function startJobQueue(boss: PgBoss, { db }: DatabaseService): Promise<void> {
  await db.transaction().execute(async (transaction) => {
    await sql`set local lock_timeout = ${sql.lit(QUERY_WITHIN_MS)}`.execute(transaction);
    await sql`select pg_advisory_xact_lock(${LOCK})`.execute(transaction);
    await boss.start();
  });
}

/** Connections for pg-boss: it does not ask while the database is away, and tells when it goes. */
function connected(database: DatabaseService): Db {
  return {
    async executeSql(text, values) {
      if (database.problem !== undefined) throw new Error(`The database is away: ${database.problem}`);
      try {
        return await query(database.pool, text, values);
      } catch (error) {
        if (isConnectionLost(error)) database.lost(error);
        throw error;
      }
    },
  };
}

function query(pool: Pool, text: string, values: unknown[] = []): ReturnType<Db['executeSql']> {
  // The driver knows the limit; its types do not. Several statements at once go without values only.
  const limited = { text, query_timeout: QUERY_WITHIN_MS, ...(values.length > 0 && { values }) };
  return pool.query(limited);
}
