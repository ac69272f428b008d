import { Injectable } from '@nestjs/common';
import type { CompiledQuery } from 'kysely';
import { ServiceError } from '../common/errors.js';
import { Settings } from '../config/settings.js';
import { DatabaseService } from '../database/database.service.js';
import { Turns } from './turns.js';

/** Milliseconds that the database may take for one query. */
const LIMIT_MS = 10_000;

/** How much later the service gives a database up that does not keep to the limit itself. */
const GRACE_MS = 2000;

/** Seconds after which a caller may come back while the database is away. */
const RETRY_AFTER_SECONDS = 5;

type Pool = DatabaseService['pool'];

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
   * @throws ServiceError DATABASE_UNAVAILABLE, or QUERY_TOO_SLOW after the limit (milliseconds)
   */
  read<Row>(query: CompiledQuery<Row>, limitMs = LIMIT_MS): Promise<Row[]> {
    return this.#turns.run(async () => {
      if (this.database.problem !== undefined) throw unavailable();
      try {
        return await boundedRead(this.database.pool, query, limitMs);
      } catch (error) {
        throw told(error);
      }
    });
  }
}

/** Asks in a transaction of its own, which carries the limit and cannot write. A connection that failed is not used again. */
async function boundedRead<Row>(pool: Pool, query: CompiledQuery<Row>, limitMs: number): Promise<Row[]> {
  const client = await pool.connect();
  let isSound = false;
  // One that breaks says so twice: to the query, and to a listener, without whom the process would end.
  client.on('error', ignore);
  // The driver knows query_timeout; its types do not.
  const bound = { query_timeout: limitMs + GRACE_MS };
  try {
    await client.query({ text: `begin read only; set local statement_timeout = ${limitMs}`, ...bound });
    const { rows } = await client.query({ text: query.sql, values: [...query.parameters], ...bound });
    await client.query({ text: 'commit', ...bound });
    isSound = true;
    return rows as Row[];
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
  const { code = '' } = error as { code?: string };
  if (code === '57014') {
    return new ServiceError(
      'QUERY_TOO_SLOW',
      'The database was asked to stop: it took too long to find these calls.',
      { cause: error },
    );
  }
  // A query that the database does not understand, or data that it does not take, is a fault of ours.
  return /^(22|42)/.test(code) ? error : unavailable(error);
}

function unavailable(cause?: unknown): ServiceError {
  return new ServiceError(
    'DATABASE_UNAVAILABLE',
    'The call log cannot be read at the moment; calls are still answered.',
    { retryAfterSeconds: RETRY_AFTER_SECONDS, cause },
  );
}
