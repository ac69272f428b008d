import { Kysely, PostgresDialect } from 'kysely';
import { Client, Pool } from 'pg';
import type { Settings } from '../../config/settings.js';
import { poolConfig } from '../../database/connection.js';
import { type EmbeddedServer, startEmbeddedServer } from '../../database/embedded/embedded-server.js';
import { type Connection, findConnection } from '../../database/embedded/reach.js';
import { findServerPlace, type ServerPlace } from '../../database/embedded/server-place.js';
import { migrate } from '../../database/migrate.js';
import { migrations } from '../../database/migrations/index.js';
import type { Tables } from '../../database/tables.js';
import type { StoreChoice } from './choose-store.js';
import { connectionFault, StoreFault, storeFault } from './store-fault.js';

/** An open database with a call log. */
export interface Store {
  /** How the operator knows it. */
  readonly name: string;
  readonly pool: Pool;
  readonly db: Kysely<Tables>;
  /** Ends the connections, and the server where it was started for this. */
  close(): Promise<void>;
}

/** The number under which those who write into one database take turns; any fixed one does. */
const LOCK = 7_316_024_984;

/** Connections at the most: one holds the lock or the snapshot, the others work. */
const CONNECTIONS = 3;

/**
 * Milliseconds that one statement may take. A batch that waits for others, or for a slow disk, takes far longer than
 * anything that a call waits for; only a server that says nothing at all must not hold the command for ever.
 */
export const ANSWERED_WITHIN_MS = 600_000;

/**
 * Opens a store to read from it; no call and no table in it is changed. The service's own server is started for it where
 * it does not run, on a database that there is.
 * @param besideService whether the service's own server is read while the service runs on it; else it must be stopped
 * @throws StoreFault, ConfigError
 */
export async function openSource(
  choice: StoreChoice,
  settings: Settings,
  besideService: boolean,
): Promise<Store> {
  const place = choice.url === undefined ? await existingPlace(settings.dataDir) : undefined;
  const running = place && besideService ? await runningServer(place) : undefined;
  const store = await open(choice, settings, running);
  return prepared(store, async () => {
    await checkSchema(store);
    return store;
  });
}

/**
 * Opens a store to write into it, brought up to date, and keeps other copies and restores away from it.
 * @throws StoreFault, ConfigError
 */
export async function openTarget(choice: StoreChoice, settings: Settings): Promise<Store> {
  const store = await open(choice, settings, undefined);
  return prepared(store, async () => {
    await migrate(store.db);
    const unlock = await lock(store);
    return {
      ...store,
      close: () => {
        unlock();
        return store.close();
      },
    };
  });
}

/** @returns what ends the lock; it ends with this process too */
async function lock({ pool, name }: Store): Promise<() => void> {
  const client = await pool.connect();
  const { rows } = await client.query<{ locked: boolean }>('select pg_try_advisory_lock($1) as locked', [
    LOCK,
  ]);
  const unlock = (): void => {
    client.release(true);
  };
  if (rows[0]?.locked) return unlock;
  unlock();
  throw new StoreFault(`Another copy or restore is under way into ${name}: let it finish first.`);
}

/** @throws StoreFault where this version of the service does not know how the store keeps its calls */
async function checkSchema({ pool, name }: Store): Promise<void> {
  const { rows: tables } = await pool.query<{ found: boolean }>(
    `select to_regclass('llm_service_migrations') is not null as found`,
  );
  if (!tables[0]?.found) throw new StoreFault(`${name} has no call log: no service has used it yet.`);
  const { rows } = await pool.query<{ name: string }>('select name from llm_service_migrations');
  const known = Object.keys(migrations);
  const newer = rows.find((row) => !known.includes(row.name));
  if (newer)
    throw new StoreFault(
      `${name} was written by a newer version of the service (it has ${newer.name}): use that version.`,
    );
  if (rows.length < known.length)
    throw new StoreFault(
      `${name} was written by an older version of the service: start this one on it first, or use that version.`,
    );
}

/** @throws StoreFault where a copy into the store is under way, or the target is the same database by another address */
export async function checkThatNobodyWrites({ pool, name }: Store): Promise<void> {
  const { rows } = await pool
    .query<{ free: boolean }>('select pg_try_advisory_xact_lock_shared($1) as free', [LOCK])
    .catch((error: unknown) => {
      throw storeFault(error, name);
    });
  if (rows[0]?.free) return;
  throw new StoreFault(
    `${name} is the same database as the target, or another copy into it is under way: name two databases.`,
  );
}

/** @throws StoreFault where no service has made a database yet */
async function existingPlace(dataDir: string): Promise<ServerPlace> {
  const place = await findServerPlace(dataDir);
  if (place) return place;
  throw new StoreFault(`There is no database in ${dataDir}: set DATA_DIR to the folder of the service.`);
}

/** The server that a service runs there at this moment, if one answers. */
async function runningServer(place: ServerPlace): Promise<Connection | undefined> {
  const connection = await findConnection(place);
  if (!connection) return undefined;
  const client = new Client({ ...connection, ssl: false });
  client.on('error', () => undefined);
  try {
    await client.connect();
  } catch {
    return undefined;
  }
  await client.end();
  return connection;
}

async function open(
  { name, url }: StoreChoice,
  settings: Settings,
  running: Connection | undefined,
): Promise<Store> {
  const own =
    url === undefined && !running ? await startEmbeddedServer({ dataDir: settings.dataDir }) : undefined;
  const pool = new Pool({
    ...poolConfig(settings),
    max: CONNECTIONS,
    query_timeout: ANSWERED_WITHIN_MS,
    application_name: 'llm-service store',
    ...(own || running ? { ...(own?.connection ?? running), ssl: false } : { connectionString: url }),
  });
  // A connection that breaks fails its query; as an event nobody listens to it would end the process.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
  const store = { name, pool, db, close: () => close(db, own) };
  try {
    (await pool.connect()).release();
    return store;
  } catch (error) {
    await store.close();
    throw connectionFault(error, name);
  }
}

async function prepared(store: Store, prepare: () => Promise<Store>): Promise<Store> {
  try {
    return await prepare();
  } catch (error) {
    await store.close();
    throw storeFault(error, store.name);
  }
}

async function close(db: Kysely<Tables>, own: EmbeddedServer | undefined): Promise<void> {
  await db.destroy();
  await own?.stop();
}
