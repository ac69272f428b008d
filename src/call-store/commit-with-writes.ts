import { DatabaseError, type Pool, type QueryConfig } from 'pg';
import type { RowWrite } from '../calls/row-write.js';
import { isConnectionLost } from '../database/connection.js';
import type { CallRow } from './call-row.js';
import { Late, latestOf, statementFor, within } from './call-writer.js';

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

/** Runs the statements of rows; the statements that it returns were refused by the database. */
type Work = (ask: Ask) => Promise<ReadonlyMap<RowWrite, Error>>;

/** Sends one statement, unless the transaction was given up. */
type Ask = (statement: string | QueryConfig) => Promise<void>;

/** Rows that share a transaction at most: their statements go one by one, and all of it must be over in time. */
const TOGETHER = 50;

/** PostgreSQL's code for a lock that was not to be had in time. */
const LOCK_NOT_AVAILABLE = '55P03';

const NONE: ReadonlyMap<RowWrite, Error> = new Map();

/** A transaction that took too long, though the database had answered: it is not away. */
class TookTooLong extends Error {}

/**
 * Commits rows together with their statements: many in one transaction, over one connection. When the database refuses
 * anything of that, each row gets a transaction of its own, in which a refused statement is left out, so that the other
 * rows keep theirs. After `timeoutMs` no further transaction is begun.
 * @param timeoutMs milliseconds for all of it
 */
export async function commitWithWrites(
  pool: Pool,
  rows: readonly SettlingRow[],
  timeoutMs: number,
): Promise<Settled> {
  const until = performance.now() + timeoutMs;
  const settling = new Settling(pool, until);
  const latest = latestOf(rows);
  for (let from = 0; from < latest.length; from += TOGETHER) {
    await settling.commit(latest.slice(from, from + TOGETHER));
  }
  return settling;
}

/** What is being committed, and what became of it so far. */
class Settling implements Settled {
  readonly missed = new Map<RowWrite, Error>();
  readonly left = new Map<SettlingRow, Error>();
  lost?: Error;

  constructor(
    private readonly pool: Pool,
    /** `performance.now()` at which time is up. */
    private readonly until: number,
  ) {}

  async commit(rows: readonly SettlingRow[]): Promise<void> {
    const error = await this.#tried(rows);
    if (error === undefined) return;
    if (!isRefusal(error)) {
      this.#leave(rows, error);
      return;
    }
    for (const row of rows) {
      try {
        const refused = await this.#transaction(allThatWork(row));
        for (const [write, reason] of refused) this.missed.set(write, reason);
      } catch (reason) {
        this.#leave([row], reason as Error);
      }
    }
  }

  /** Commits all or none; whoever holds a lock that is needed gets a second chance to let it go. */
  async #tried(rows: readonly SettlingRow[]): Promise<Error | undefined> {
    for (const isLast of [false, true]) {
      try {
        await this.#transaction(allOf(rows));
        return undefined;
      } catch (error) {
        if (isLast || (error as { code?: string }).code !== LOCK_NOT_AVAILABLE) return error as Error;
      }
    }
    return undefined;
  }

  #leave(rows: readonly SettlingRow[], reason: Error): void {
    for (const row of rows) this.left.set(row, reason);
    if (!isRefusal(reason) && !(reason instanceof TookTooLong)) this.lost ??= reason;
  }

  /**
   * Runs a transaction to its end, or gives it up in time: then nothing more is sent, so that only a COMMIT that was under
   * way can still take effect.
   */
  async #transaction(work: Work): ReturnType<Work> {
    const leftMs = this.until - performance.now();
    if (leftMs <= 0) throw new TookTooLong('the time for this commit was up before it began');
    const givenUp = new AbortController();
    const progress = { answers: 0 };
    try {
      return await within(leftMs, runTransaction(this.pool, leftMs, work, givenUp.signal, progress));
    } catch (error) {
      if (error instanceof DatabaseError || progress.answers === 0 || isConnectionLost(error)) throw error;
      throw error instanceof Late ? new TookTooLong(error.message) : error;
    } finally {
      givenUp.abort();
    }
  }
}

/** Whether the database is there: it, or its driver, does not take a statement. */
function isRefusal(error: unknown): boolean {
  return !(error instanceof Late) && !(error instanceof TookTooLong) && !isConnectionLost(error);
}

/** Every statement, or none. */
function allOf(rows: readonly SettlingRow[]): Work {
  return async (ask) => {
    await ask(statementFor(rows));
    for (const { text, values } of inOrder(rows.flatMap(({ writes }) => writes))) {
      await ask({ text, values: [...values] });
    }
    return NONE;
  };
}

/** The row, with the statements that the database takes. */
function allThatWork(row: SettlingRow): Work {
  return async (ask) => {
    await ask(statementFor([row]));
    const missed = new Map<RowWrite, Error>();
    for (const write of inOrder(row.writes)) {
      await ask('savepoint one');
      try {
        await ask({ text: write.text, values: [...write.values] });
      } catch (error) {
        if (!isRefusal(error)) throw error;
        missed.set(write, error as Error);
        await ask('rollback to savepoint one');
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

async function runTransaction(
  pool: Pool,
  timeoutMs: number,
  work: Work,
  givenUp: AbortSignal,
  progress: { answers: number },
): ReturnType<Work> {
  const client = await pool.connect();
  const isGivenUp = (): boolean => givenUp.aborted;
  if (isGivenUp()) {
    client.release();
    throw new TookTooLong('no connection was free in time');
  }
  const ask: Ask = async (statement) => {
    givenUp.throwIfAborted();
    await client.query(statement);
    progress.answers++;
  };
  let isSettled = false;
  try {
    // Whoever holds a lock that a statement needs must not make the database look as if it were away.
    await ask(`begin; set local lock_timeout = ${Math.ceil(timeoutMs / 2)}`);
    const missed = await work(ask);
    await ask('commit');
    isSettled = true;
    return missed;
  } catch (error) {
    if (isRefusal(error) && !isGivenUp()) {
      await client.query('rollback');
      isSettled = true;
    }
    throw error;
  } finally {
    client.release(!isSettled);
  }
}
