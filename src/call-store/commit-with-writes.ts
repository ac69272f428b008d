import { DatabaseError, type Pool, type PoolClient } from 'pg';
import type { RowWrite } from '../calls/row-write.js';
import { isConnectionLost } from '../database/connection.js';
import type { CallRow } from './call-row.js';
import { latestOf, statementFor, within } from './call-writer.js';

/** A row that has statements to be committed with it. */
export type SettlingRow = CallRow & Required<Pick<CallRow, 'writes'>>;

/** What became of such rows. What neither names is committed. */
export interface Settled {
  /** Statements that the database refused, with its errors; their rows are stored without them. */
  readonly missed: ReadonlyMap<RowWrite, Error>;
  /** Rows that are not stored, with the reason. */
  readonly left: ReadonlyMap<SettlingRow, Error>;
  /** Why the database counts as away, where that is the reason. */
  readonly lost?: Error;
}

/** Runs the statements of rows; what it returns, the database has refused. */
type Work = (client: PoolClient) => Promise<ReadonlyMap<RowWrite, Error>>;

const NONE: ReadonlyMap<RowWrite, Error> = new Map();

/**
 * Commits rows together with their statements: all in one transaction, over one connection. When the database refuses
 * anything of that, each row gets a transaction of its own, in which a refused statement is left out, so that the other
 * rows keep theirs. After `timeoutMs` no further one is begun.
 * @param timeoutMs milliseconds after which a transaction counts as failed
 */
export async function commitWithWrites(
  pool: Pool,
  rows: readonly SettlingRow[],
  timeoutMs: number,
): Promise<Settled> {
  const until = performance.now() + timeoutMs;
  const latest = latestOf(rows);
  try {
    await transaction(pool, timeoutMs, allOf(latest));
    return { missed: NONE, left: new Map() };
  } catch (error) {
    if (!isRefusal(error)) return allLeft(latest, error as Error);
  }
  const missed = new Map<RowWrite, Error>();
  const left = new Map<SettlingRow, Error>();
  for (const [index, row] of latest.entries()) {
    if (performance.now() > until) {
      left.set(row, new Error(`nothing was committed within ${timeoutMs} ms`));
      continue;
    }
    try {
      const refused = await transaction(pool, timeoutMs, allThatWork(row));
      for (const [write, error] of refused) missed.set(write, error);
    } catch (error) {
      left.set(row, error as Error);
      if (isRefusal(error)) continue;
      const { left: others, lost } = allLeft(latest.slice(index), error as Error);
      return { missed, left: new Map([...left, ...others]), ...(lost && { lost }) };
    }
  }
  return { missed, left };
}

function allLeft(rows: readonly SettlingRow[], lost: Error): Settled {
  return { missed: NONE, left: new Map(rows.map((row) => [row, lost])), lost };
}

/** Whether the database is there and does not take a statement. */
function isRefusal(error: unknown): boolean {
  return error instanceof DatabaseError && !isConnectionLost(error);
}

/** Every statement, or none. */
function allOf(rows: readonly SettlingRow[]): Work {
  return async (client) => {
    await client.query(statementFor(rows));
    for (const { text, values } of inOrder(rows.flatMap(({ writes }) => writes))) {
      await client.query(text, [...values]);
    }
    return NONE;
  };
}

/** The row, with those statements that the database takes. */
function allThatWork(row: SettlingRow): Work {
  return async (client) => {
    await client.query(statementFor([row]));
    const missed = new Map<RowWrite, Error>();
    for (const write of inOrder(row.writes)) {
      await client.query('savepoint one');
      try {
        await client.query(write.text, [...write.values]);
      } catch (error) {
        if (!isRefusal(error)) throw error;
        missed.set(write, error as Error);
        await client.query('rollback to savepoint one');
      }
    }
    return missed;
  };
}

function inOrder(writes: readonly RowWrite[]): readonly RowWrite[] {
  return writes.toSorted(({ target: one = '' }, { target: other = '' }) =>
    one < other ? -1 : +(one > other),
  );
}

/**
 * Runs a transaction to its end, or gives it up in time: then nothing more is sent, so that only a COMMIT that was under
 * way can still take effect.
 */
async function transaction(pool: Pool, timeoutMs: number, work: Work): ReturnType<Work> {
  const givenUp = new AbortController();
  try {
    return await within(timeoutMs, runTransaction(pool, timeoutMs, work, givenUp.signal));
  } finally {
    givenUp.abort();
  }
}

async function runTransaction(
  pool: Pool,
  timeoutMs: number,
  work: Work,
  givenUp: AbortSignal,
): ReturnType<Work> {
  const client = await pool.connect();
  let isSettled = false;
  try {
    givenUp.throwIfAborted();
    // Whoever holds what a statement needs must not make the database look as if it were away.
    await client.query(`begin; set local lock_timeout = ${Math.ceil(timeoutMs / 2)}`);
    const missed = await work(client);
    givenUp.throwIfAborted();
    await client.query('commit');
    isSettled = true;
    return missed;
  } catch (error) {
    if (isRefusal(error)) {
      await client.query('rollback');
      isSettled = true;
    }
    throw error;
  } finally {
    client.release(!isSettled);
  }
}
