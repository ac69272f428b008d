import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Kysely, PostgresDialect } from 'kysely';
import { Pool } from 'pg';
import { ConfigError } from '../config/config-error.js';
import { Settings } from '../config/settings.js';
import { isUnsettled, poolConfig, refusalOf } from './connection.js';
import { type EmbeddedServer, startEmbeddedServer } from './embedded/embedded-server.js';
import { migrate } from './migrate.js';
import type { Tables } from './tables.js';

/** How long to wait between two looks at a database that does not answer; the double each time where it fails again soon. */
const LOOK_EVERY_MS = 1000;
const LOOK_AT_LEAST_EVERY_MS = 10_000;

/** How long connections may take to close. */
const CLOSE_WITHIN_MS = 5000;

/**
 * The one database of the service: a server that DATABASE_URL names, or its own. What cannot be used at all stops the
 * start; what is only away does not: the service goes on without it and looks for it again.
 */
@Injectable()
export class DatabaseService implements OnModuleInit, OnApplicationShutdown {
  readonly #logger = new Logger('Database');
  readonly #onUp: (() => void)[] = [];
  #own: EmbeddedServer | undefined;
  #pool: Pool | undefined;
  #kysely: Kysely<Tables> | undefined;
  #problem: string | undefined = 'not connected yet';
  #looking: NodeJS.Timeout | undefined;
  #closed = false;
  #upSince = -Infinity;
  #wait = LOOK_EVERY_MS;

  constructor(private readonly settings: Settings) {}

  async onModuleInit(): Promise<void> {
    const { databaseUrl, dataDir } = this.settings;
    if (databaseUrl === undefined) this.#own = await startEmbeddedServer({ dataDir });
    const pool = new Pool({
      ...poolConfig(this.settings),
      ...(this.#own ? { ...this.#own.connection, ssl: false } : { connectionString: databaseUrl }),
    });
    // An idle connection that breaks is an event of the pool; without a listener it would end the process.
    pool.on('error', (error) => {
      this.lost(error);
    });
    // One that breaks while it is lent out and idle tells so itself; its next query fails.
    pool.on('connect', (client) => client.on('error', () => undefined));
    pool.on('release', (_error, client) => {
      if (isUnsettled(client)) void client.end().catch(() => undefined);
    });
    this.#pool = pool;
    this.#kysely = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
    try {
      await this.#connect();
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal) throw new ConfigError(refusal.message, { cause: error });
      this.#logger.warn({
        message: 'the database does not answer; calls wait on disk until it does',
        reason: reasonOf(error),
      });
      this.#lookLater(error);
    }
  }

  async onApplicationShutdown(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#looking);
    // A server that says nothing must not keep the service from ending.
    await Promise.race([this.#kysely?.destroy(), delay(CLOSE_WITHIN_MS, undefined, { ref: false })]);
    await this.#own?.stop();
  }

  /** Typed queries. */
  get db(): Kysely<Tables> {
    if (!this.#kysely) throw new Error('DatabaseService is used before it is initialised');
    return this.#kysely;
  }

  /** Connections, for what is no query of its own. */
  get pool(): Pool {
    if (!this.#pool) throw new Error('DatabaseService is used before it is initialised');
    return this.#pool;
  }

  /** What runs it: the service itself, or somebody else. */
  get kind(): 'embedded' | 'server' {
    return this.settings.databaseUrl === undefined ? 'embedded' : 'server';
  }

  /** Why it cannot be used at the moment; nothing when it can. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Calls the listener each time that the database can be used again, and at once where it can be now. */
  whenUp(listener: () => void): void {
    this.#onUp.push(listener);
    if (this.#problem === undefined) listener();
  }

  /** Takes note of a query that failed for want of a database. */
  lost(error: unknown): void {
    if (this.#problem !== undefined || this.#closed) return;
    this.#logger.warn({ message: 'database is lost', reason: reasonOf(error) });
    const lasted = performance.now() - this.#upSince;
    this.#wait =
      lasted > LOOK_AT_LEAST_EVERY_MS ? LOOK_EVERY_MS : Math.min(this.#wait * 2, LOOK_AT_LEAST_EVERY_MS);
    this.#dropIdle();
    this.#lookLater(error);
  }

  /** @throws what keeps the database from being used */
  async #connect(): Promise<void> {
    await migrate(this.db);
    this.#problem = undefined;
    this.#upSince = performance.now();
    this.#logger.log({ message: 'database is up', kind: this.kind });
    for (const listener of this.#onUp) listener();
  }

  /** Connections that were opened to a server that is lost would be tried first, and may say nothing for ever. */
  #dropIdle(): void {
    for (let idle = this.pool.idleCount; idle > 0; idle--) {
      void this.pool.connect().then(
        (client) => {
          client.release(true);
        },
        () => undefined,
      );
    }
  }

  #lookLater(error: unknown): void {
    this.#problem = reasonOf(error);
    if (this.#closed) return;
    this.#looking = setTimeout(() => void this.#lookAgain(), this.#wait).unref();
  }

  async #lookAgain(): Promise<void> {
    // One that was still at work when the database was lost may have become idle since, and be as silent.
    this.#dropIdle();
    try {
      await this.#connect();
    } catch (error) {
      this.#lookLater(error);
    }
  }
}

function reasonOf(error: unknown): string {
  const { code, message = String(error) } = error as { code?: string; message?: string };
  return code ? `${code} ${message}` : message;
}
