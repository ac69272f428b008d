import { Injectable } from '@nestjs/common';
import type { CompiledQuery } from 'kysely';
import { ServiceError } from '../common/errors.js';
import { Settings } from '../config/settings.js';
import { DatabaseService } from '../database/database.service.js';
import { Turns } from './turns.js';

/** Milliseconds that the database may take for the queries of one turn together. */
const LIMIT_MS = 10_000;

/** How much later the service gives a database up that does not keep to the limit itself. */
const GRACE_MS = 2000;

/** Requests that wait for their turn at the most: with all of them slow, more would wait for minutes. */
const MOST_WAITING = 20;

/** Seconds after which a caller may come back while the log cannot be read. */
const RETRY_AFTER_SECONDS = 5;

type Pool = DatabaseService['pool'];

/** Asks one query. */
export type Ask = <Row>(query: CompiledQuery<Row>) => Promise<Row[]>;

/** How the log is read. */
export interface ReadOptions {
  /** Milliseconds for all queries together; left out: 10,000. */
  readonly limitMs?: number;
  /** Whether the caller has a part of the answer already: such a one is not refused, however many wait. */
  readonly hasBegun?: boolean;
  /** Aborted when nobody wants the rows any more. */
  readonly signal?: AbortSignal | undefined;
}

/** Reads from the database within bounds: calls that are being written come first. */
@Injectable()
export class LogReader {
  readonly #turns: Turns;

  constructor(
    settings: Settings,
    private readonly database: DatabaseService,
  ) {
    // The other half of the connections is for writing, whatever is searched for.
    this.#turns = new Turns(Math.floor(settings.databaseConnections / 2));
  }

  /**
   * The rows of one query.
   * @throws ServiceError as `together` does
   */
  read<Row>(query: CompiledQuery<Row>, options?: ReadOptions): Promise<Row[]> {
    return this.together((ask) => ask(query), options);
  }

  /**
   * What comes of several queries over one connection, which have one limit together.
   * @throws ServiceError DATABASE_UNAVAILABLE, also where too many wait already; QUERY_TOO_SLOW after the limit;
   * CANCELLED where the signal was aborted
   */
  async together<T>(
    work: (ask: Ask) => Promise<T>,
    { limitMs = LIMIT_MS, hasBegun = false, signal }: ReadOptions = {},
  ): Promise<T> {
    if (!hasBegun && this.#turns.waiting >= MOST_WAITING) throw tooMany();
    try {
      return await this.#turns.run(async () => {
        if (this.database.problem !== undefined) throw unavailable();
        return await boundedRead(this.database.pool, work, limitMs, signal);
      }, signal);
    } catch (error) {
      throw signal?.aborted ? unwanted(error) : told(error);
    }
  }
}

/** Asks in a transaction of its own, which carries the limit and cannot write. A connection that failed is not used again. */
async function boundedRead<T>(
  pool: Pool,
  work: (ask: Ask) => Promise<T>,
  limitMs: number,
  signal: AbortSignal | undefined,
): Promise<T> {
  const client = await pool.connect();
  const endsAt = performance.now() + limitMs;
  let isSound = false;
  // One that breaks says so twice: to the query, and to a listener, without whom the process would end.
  client.on('error', ignore);
  // The driver knows query_timeout; its types do not.
  const bound = { query_timeout: limitMs + GRACE_MS };
  const ask: Ask = async <Row>(query: CompiledQuery<Row>): Promise<Row[]> => {
    signal?.throwIfAborted();
    const leftMs = Math.ceil(endsAt - performance.now());
    // For the server, none is no limit.
    if (leftMs <= 0) throw tooSlow();
    const left = { query_timeout: leftMs + GRACE_MS };
    await client.query({ text: `set local statement_timeout = ${leftMs}`, ...left });
    const { rows } = await client.query({ text: query.sql, values: [...query.parameters], ...left });
    return rows as Row[];
  };
  try {
    await client.query({ text: 'begin read only', ...bound });
    const result = await work(ask);
    await client.query({ text: 'commit', ...bound });
    isSound = true;
    return result;
  } finally {
    client.off('error', ignore);
    client.release(!isSound);
  }
}

function ignore(): void {
  // The query has failed with it already.
}

/** What a caller may know of a failed query: https://www.postgresql.org/docs/current/errcodes-appendix.html */
function told(error: unknown): unknown {
  if (error instanceof ServiceError) return error;
  const { code = '' } = error as { code?: string };
  if (code === '57014') return tooSlow(error);
  // A query that the database does not understand, or data that it does not take, is a fault of ours.
  return /^(22|42)/.test(code) ? error : unavailable(error);
}

function tooSlow(cause?: unknown): ServiceError {
  return new ServiceError(
    'QUERY_TOO_SLOW',
    'The database was asked to stop: it took too long to find these calls.',
    { cause },
  );
}

function unavailable(cause?: unknown): ServiceError {
  return new ServiceError(
    'DATABASE_UNAVAILABLE',
    'The call log cannot be read at the moment; calls are still answered.',
    { retryAfterSeconds: RETRY_AFTER_SECONDS, cause },
  );
}

function tooMany(): ServiceError {
  return new ServiceError(
    'DATABASE_UNAVAILABLE',
    `The call log is being searched, and ${MOST_WAITING} requests wait for their turn already; calls are still answered.`,
    { retryAfterSeconds: RETRY_AFTER_SECONDS },
  );
}

function unwanted(cause: unknown): ServiceError {
  return new ServiceError('CANCELLED', 'The caller left before the call log was read.', { cause });
}
