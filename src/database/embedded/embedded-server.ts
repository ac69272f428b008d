import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { ConfigError } from '../../config/config-error.js';
import { clusterFolder, makeCluster } from './cluster.js';
import { openDataFolder } from './data-folder.js';
import { isPassing, Session } from './folder-lock.js';
import { findNativePackage, prepareNativeServer } from './native-package.js';
import { runningServer } from './pid-file.js';
import { type Connection, DATABASE, openReach } from './reach.js';
import { endRemnants } from './server-family.js';
import { serverFault } from './server-fault.js';
import { openServerPlace } from './server-place.js';
import { ServerProcess, type ServerPlan, stopServer } from './server-process.js';

/** How to connect to the service's own server. */
export interface EmbeddedServer {
  readonly connection: Connection;
  /** Whether a server that an earlier process had left behind was taken over. */
  readonly adopted: boolean;
  /** Stops the server, at the latest after 20 seconds by force. A second call waits for the first. */
  stop(): Promise<void>;
}

/**
 * Milliseconds that a server gets until it takes connections: recovery from a crash may need most of them, and one whose
 * cluster was removed notices it, and ends, within a minute.
 */
const START_WITHIN_MS = 75_000;

/** Milliseconds that a server may run without listening, as it does for a moment when it starts or stops. */
const LISTEN_WITHIN_MS = 10_000;

const LOOK_EVERY_MS = 10;

/** Milliseconds before a server that could not be brought back is tried again. */
const AGAIN_AFTER_MS = 1000;

/** What a server says that cannot start yet, because what is left of another one is still going. */
const NOT_YET =
  /lock file "[^"]*" (already exists|is empty)|pre-existing shared memory|Address already in use/;

/** The one of these that means processes without their server. */
const HELD_MEMORY = 'pre-existing shared memory';

/**
 * Starts the PostgreSQL that npm brought along, on a data folder of its own, or takes over the one that a killed
 * service left behind. While it is in use it is started again should it end.
 * @throws ConfigError with a sentence for the operator, if it does not start or another service uses the folder
 */
export async function startEmbeddedServer(options: { readonly dataDir: string }): Promise<EmbeddedServer> {
  const nativePackage = findNativePackage();
  const dataDir = await openDataFolder(options.dataDir);
  try {
    return await startIn(dataDir, nativePackage);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw await serverFault(dataDir, 'does not start', String(error));
  }
}

async function startIn(ownFolder: string, nativePackage: string): Promise<EmbeddedServer> {
  const { folder: dataDir, account } = await openServerPlace(ownFolder);
  const cluster = clusterFolder(dataDir);
  const native = await prepareNativeServer(nativePackage, dataDir, account);
  const { connection, settings, access, passwordFile } = await openReach(dataDir, account);
  await makeCluster({ dataDir, native, account, access, passwordFile });
  return KeptServer.start({ dataDir, cluster, native, account, settings }, connection);
}

/** A server that is looked after until it is stopped. */
class KeptServer implements EmbeddedServer {
  readonly connection: Connection;
  readonly adopted: boolean;
  readonly #plan: ServerPlan;
  readonly #logger = new Logger('Database');
  readonly #stopping = new AbortController();
  #kept: Promise<void>;
  #stopped: Promise<void> | undefined;

  private constructor(plan: ServerPlan, connection: Connection, { session, adopted }: Up) {
    this.#plan = plan;
    this.connection = connection;
    this.adopted = adopted;
    this.#kept = this.#keep(session);
  }

  static async start(plan: ServerPlan, connection: Connection): Promise<KeptServer> {
    return new KeptServer(plan, connection, await bringUp(plan, connection));
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    const { cluster, native } = this.#plan;
    this.#stopping.abort();
    await stopServer(cluster, native);
    await this.#kept;
  }

  /** Ends only when the server is stopped on purpose. */
  async #keep(session: Session): Promise<void> {
    const { signal } = this.#stopping;
    for (let held: Session | undefined = session; held; held = await this.#bringBack(signal)) {
      await held.gone;
      if (signal.aborted) return;
      this.#logger.warn({ message: 'the connection to the database server broke; looking after it' });
    }
  }

  async #bringBack(signal: AbortSignal): Promise<Session | undefined> {
    for (;;) {
      try {
        return (await bringUp(this.#plan, this.connection, signal)).session;
      } catch (error) {
        if (signal.aborted) return undefined;
        this.#logger.error({ message: 'the database server does not come back', reason: String(error) });
        await delay(AGAIN_AFTER_MS, undefined, { ref: false });
      }
    }
  }
}

interface Up {
  readonly session: Session;
  readonly adopted: boolean;
}

/** Finds or starts the server of a cluster and takes the lock on its folder. */
async function bringUp(plan: ServerPlan, connection: Connection, signal?: AbortSignal): Promise<Up> {
  const { dataDir, cluster, native } = plan;
  const until = Date.now() + START_WITHIN_MS;
  let started: ServerProcess | undefined;
  let lastListened = Date.now();
  for (;;) {
    const answer = await Session.open(connection);
    const running = await runningServer(cluster);
    if (answer.is === 'here') {
      const { session } = answer;
      // A server that answers without a file in the cluster is one whose own cluster was removed: it ends soon.
      if (running && !signal?.aborted && (await take(session, dataDir)))
        return { session, adopted: !started || started.ended };
      await session.close();
    }
    if (signal?.aborted) {
      await started?.end();
      signal.throwIfAborted();
    }
    if (answer.is !== 'absent') lastListened = Date.now();
    const hangs = answer.is === 'silent' || Date.now() - lastListened > LISTEN_WITHIN_MS;
    if (started) {
      started = await stillGoing(started, plan);
    } else if (running) {
      if (hangs) await stopServer(cluster, native);
    } else if (answer.is === 'absent') {
      started = await ServerProcess.start(plan);
    }
    if (Date.now() > until) throw tooLate(dataDir);
    await delay(LOOK_EVERY_MS);
  }
}

/** @returns nothing where it ended because another server is still there, and another try may help */
async function stillGoing(
  started: ServerProcess,
  { dataDir, cluster }: ServerPlan,
): Promise<ServerProcess | undefined> {
  if (!started.ended) return started;
  const output = await started.output();
  if (output.includes(HELD_MEMORY)) await endRemnants(cluster);
  if (NOT_YET.test(output)) return undefined;
  throw await serverFault(dataDir, 'does not start', output);
}

function tooLate(dataDir: string): ConfigError {
  return new ConfigError(
    `The database in ${dataDir} took no connections within ${START_WITHIN_MS / 1000} s: look into ` +
      `${dataDir}/postgres.log, set DATA_DIR to another folder, or DATABASE_URL to a server of your own.`,
  );
}

/** @returns whether the lock is ours; not so where the server ends at this moment */
async function take(session: Session, dataDir: string): Promise<boolean> {
  try {
    await session.lock(dataDir);
    await session.makeDatabase(DATABASE);
    session.rest();
    return true;
  } catch (error) {
    if (isPassing(error) && !(error instanceof ConfigError)) return false;
    await session.close();
    throw error;
  }
}
