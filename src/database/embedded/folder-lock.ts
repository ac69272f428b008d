import { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, DatabaseError } from 'pg';
import { ConfigError } from '../../config/config-error.js';
import type { Connection } from './reach.js';

/** The database that every cluster has. The lock lives there, so that the service's own can be dropped and restored. */
const MAINTENANCE = 'postgres';

/** The lock's number: any, as long as it stays the same. */
const LOCK = 1_819_045_235;

/** Milliseconds that a server gets to answer. */
const ANSWER_WITHIN_MS = 10_000;

/** Milliseconds that the holder of the lock gets to go: the server needs a moment to see that a process has died. */
const LOCK_WITHIN_MS = 5000;

const LOOK_EVERY_MS = 100;

/** PostgreSQL's codes for a server that starts, recovers or stops, or has no connection left. */
const NOT_NOW = ['57P01', '57P02', '57P03', '53300'];

/** Whether a server's refusal passes by itself, as a broken connection does. */
export function isPassing(error: unknown): boolean {
  return !(error instanceof DatabaseError) || NOT_NOW.includes(error.code ?? '');
}

/** What came of an attempt to connect. */
export type Answer =
  | { readonly is: 'here'; readonly session: Session }
  /** Nobody listens. */
  | { readonly is: 'absent' }
  /** It starts, recovers from a crash, or stops. */
  | { readonly is: 'busy' }
  /** It takes connections and says nothing. */
  | { readonly is: 'silent' };

/** A connection to the server's maintenance database, which may hold the lock on the data folder. */
export class Session {
  readonly #client: Client;
  /** Settles when the connection is gone, whoever ended it. */
  readonly gone: Promise<void>;

  private constructor(
    client: Client,
    private readonly socket: Socket,
  ) {
    this.#client = client;
    this.gone = new Promise((resolve) => {
      client.once('end', resolve);
    });
  }

  /** @throws Error if the server refuses for a reason that waiting does not cure */
  static async open(connection: Connection): Promise<Answer> {
    const socket = new Socket();
    const client = new Client({
      ...connection,
      database: MAINTENANCE,
      ssl: false,
      options: '',
      application_name: 'llm-service lock',
      connectionTimeoutMillis: ANSWER_WITHIN_MS,
      stream: () => socket,
    });
    // A lost connection is told by its end.
    client.on('error', () => undefined);
    try {
      await client.connect();
    } catch (error) {
      socket.destroy();
      return refusal(error);
    }
    return { is: 'here', session: new Session(client, socket) };
  }

  /**
   * Takes the lock that one service at a time holds on a data folder. It ends with this connection, and so with this
   * process, however that ends.
   * @throws ConfigError if another process keeps it
   */
  async lock(dataDir: string): Promise<void> {
    const until = Date.now() + LOCK_WITHIN_MS;
    for (;;) {
      const { rows } = await this.#client.query<{ locked: boolean }>(
        'SELECT pg_try_advisory_lock($1) AS locked',
        [LOCK],
      );
      if (rows[0]?.locked) return;
      if (Date.now() > until)
        throw new ConfigError(
          `The data folder ${dataDir} is in use by another service: stop that one, set DATA_DIR to another folder, ` +
            'or share a server of your own by DATABASE_URL.',
        );
      await delay(LOOK_EVERY_MS);
    }
  }

  /** Makes a database where it is missing. */
  async makeDatabase(name: string): Promise<void> {
    const { rowCount } = await this.#client.query('SELECT FROM pg_database WHERE datname = $1', [name]);
    if (rowCount === 0) await this.#client.query(`CREATE DATABASE ${this.#client.escapeIdentifier(name)}`);
  }

  /** Has the connection stay without keeping the process alive. */
  rest(): void {
    this.socket.unref();
  }

  /** Ends the connection, if it has not ended by itself. */
  async close(): Promise<void> {
    await this.#client.end().catch(() => undefined);
  }
}

function refusal(error: unknown): Answer {
  if (!isPassing(error)) throw error;
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' || code === 'ECONNREFUSED') return { is: 'absent' };
  if (message.includes('timeout')) return { is: 'silent' };
  // The connection broke before the first word: the server ends at this moment.
  return { is: 'busy' };
}
