import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { ServiceError } from '../common/errors.js';
import { Settings } from '../config/settings.js';
import { DatabaseService } from '../database/database.service.js';
import { Throttle } from '../logging/throttle.js';
import type { CallRecord } from '../calls/call-record.js';
import type { RowWrite } from '../calls/row-write.js';
import { callRow, type CallRow, changeTexts, wholeRow } from './call-row.js';
import { writeCalls } from './call-writer.js';
import { commitWithWrites, type Settled, type SettlingRow } from './commit-with-writes.js';
import { COMMIT_BOUNDS } from './commit-bounds.js';
import { GroupCommit } from './group-commit.js';
import { Instance } from './instance.js';
import { OwnSpool } from './own-spool.js';
import { RunningCalls } from '../calls/running-calls.js';

/** Milliseconds for taking over rows from disk, for which nobody waits. */
const DRAIN_TIMEOUT_MS = 30_000;

/** Seconds after which a caller may come back while calls cannot be logged. */
const RETRY_AFTER_SECONDS = 5;

/** Rows that are taken over from disk at once. */
const DRAINED_ROWS = 200;

/** How often the disk is looked at while the database is up: a service that died may have left calls there. */
const DRAIN_EVERY_MS = 60_000;

/** Milliseconds that calls which were cut at the stop get to end, and so to be written. */
const LAST_CALLS_MS = 5000;

/** Milliseconds between two lines of the log on calls that are lost: while a disk is full, every call is. */
const TELL_LOSSES_EVERY_MS = 60_000;

/** How the call log is doing, for health and metrics. */
export interface CallStoreState {
  /** Calls that wait on disk for the database. */
  readonly waiting: number;
  /** Calls that are in no log, since the start. */
  readonly dropped: number;
}

/**
 * The durable call log. What it has taken survives whatever kills the process: rows go to the database in group commits,
 * and to a spool on disk while there is none; from there they are taken over by their ids, so that none is there twice.
 */
@Injectable()
export class CallStore implements OnModuleInit, OnApplicationShutdown {
  readonly #logger = new Logger('CallStore');
  readonly #commits = new GroupCommit<CallRow>(COMMIT_BOUNDS, (rows) => this.#keep(rows));
  readonly #losses = new Throttle<unknown>(TELL_LOSSES_EVERY_MS, (error, calls) => {
    this.#logger.error({ message: 'calls are in no log', calls, reason: (error as Error).message });
  });
  readonly #timeoutMs: number;
  #own: OwnSpool | undefined;
  #dropped = 0;
  /** Records on disk that could not be read, as far as they are told of. */
  #broken = 0;
  /** `performance.now()` until which no call is taken, because the last one found no place. */
  #fullUntil = 0;
  #draining: Promise<void> | undefined;
  #drains: NodeJS.Timeout | undefined;

  constructor(
    private readonly settings: Settings,
    private readonly database: DatabaseService,
    private readonly instance: Instance,
    private readonly running: RunningCalls,
  ) {
    this.#timeoutMs = settings.databaseTimeout * 1000;
  }

  async onModuleInit(): Promise<void> {
    this.#own = await OwnSpool.open(this.settings, this.instance.id);
    this.#tellBroken();
    this.database.whenUp(() => {
      this.#startDraining();
    });
    this.#drains = setInterval(() => {
      if (this.database.problem === undefined) this.#startDraining();
    }, DRAIN_EVERY_MS).unref();
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.race([this.running.allOver(), delay(LAST_CALLS_MS, undefined, { ref: false })]);
    await this.#commits.idle();
    clearInterval(this.#drains);
    // It ends a drain behind the batch that is under way.
    await this.#own?.release();
    await this.#draining;
    this.#losses.flush();
  }

  get state(): CallStoreState {
    return { waiting: this.#own?.records ?? 0, dropped: this.#dropped };
  }

  /** Whether new calls are refused because they could not be logged. Now and then one is let in, to see. */
  get refusesCalls(): boolean {
    return this.settings.logRequired && performance.now() < this.#fullUntil;
  }

  /**
   * Lets a new call in.
   * @throws ServiceError CALL_LOG_FULL
   */
  admit(): void {
    if (this.refusesCalls) throw logFull();
  }

  /**
   * Writes a call as it stands. Fulfilled once that survives a crash.
   *
   * `writes` are committed in one transaction with the row. Where that is not possible the row is kept all the same, and
   * each statement that was not committed is told `missed`. See `RowWrite` for the one case in which that is not known:
   * the row then goes to disk as well, and its id keeps it from being stored twice.
   * @throws ServiceError CALL_LOG_FULL where nothing can keep it and LOG_REQUIRED is set; else it is counted as dropped
   */
  write(call: CallRecord, writes: readonly RowWrite[] = []): Promise<void> {
    const row = callRow(call, this.instance.id, this.settings.logContent === 'full');
    return this.#commits.add(writes.length === 0 ? row : Object.assign(row, { writes }));
  }

  /** @returns rows that nothing has kept, where LOG_REQUIRED is set */
  async #keep(rows: readonly CallRow[]): Promise<ReadonlyMap<CallRow, Error>> {
    const settling = rows.filter(hasWrites);
    if (settling.length === 0) return this.#keepRows(rows);
    const others = rows.filter((row) => !hasWrites(row));
    const [refused, unsettled] = await Promise.all([
      others.length === 0 ? new Map<CallRow, Error>() : this.#keepRows(others),
      this.#settle(settling),
    ]);
    return new Map([...refused, ...unsettled]);
  }

  /** As `#keep`, for rows with statements to be committed with them. */
  async #settle(rows: readonly SettlingRow[]): Promise<ReadonlyMap<CallRow, Error>> {
    const { problem, pool } = this.database;
    const { missed, left, lost }: Settled =
      problem === undefined
        ? await commitWithWrites(pool, rows, this.#timeoutMs)
        : { missed: new Map(), left: new Map(rows.map((row) => [row, away(problem)])) };
    if (lost) this.database.lost(lost);
    const refused = left.size === 0 ? new Map<CallRow, Error>() : await this.#keepRows([...left.keys()]);
    for (const [write, reason] of missed) await this.#tellMissed(write, reason);
    for (const [{ writes }, reason] of left) {
      for (const write of writes) await this.#tellMissed(write, reason);
    }
    return refused;
  }

  /** A stage that fails here must not fail the calls of others. */
  async #tellMissed(write: RowWrite, reason: Error): Promise<void> {
    try {
      await write.missed(reason);
    } catch (error) {
      this.#logger.error({
        message: 'a statement that was not committed with its call is not made up for',
        reason: (error as Error).message,
      });
    }
  }

  /** As `#keep`, for rows alone. */
  async #keepRows(rows: readonly CallRow[]): Promise<ReadonlyMap<CallRow, Error>> {
    if (this.database.problem === undefined) {
      try {
        await this.#insert(rows, this.#timeoutMs);
        this.#fullUntil = 0;
        return new Map();
      } catch (error) {
        this.database.lost(error);
      }
    }
    return this.#spoolAll(rows);
  }

  /**
   * Writes rows; one that the database does not take must not take the others with it.
   * @throws where the database does not answer
   */
  async #insert(rows: readonly CallRow[], timeoutMs: number): Promise<void> {
    const { pool } = this.database;
    try {
      await writeCalls(pool, rows, timeoutMs);
    } catch (error) {
      if (!isAboutRows(error)) throw error;
      // Singly each is tried as it is, for instance where its day was being made meanwhile, and then as plain text.
      const [row, ...others] = rows;
      if (row && others.length === 0) await this.#insertAsText(row, timeoutMs);
      else for (const one of rows) await this.#insert([one], timeoutMs);
    }
  }

  async #insertAsText(row: CallRow, timeoutMs: number): Promise<void> {
    try {
      await writeCalls(this.database.pool, [asText(row)], timeoutMs);
    } catch (error) {
      if (!isAboutRows(error)) throw error;
      this.#drop([row], error);
    }
  }

  async #spoolAll(rows: readonly CallRow[]): Promise<ReadonlyMap<CallRow, Error>> {
    const refused = new Map<CallRow, Error>();
    let reason: unknown;
    await Promise.all(
      rows.map(async (row) => {
        try {
          await this.#own?.append(JSON.stringify(inWords(row)));
        } catch (error) {
          reason ??= error;
          refused.set(row, logFull());
        }
      }),
    );
    this.#fullUntil = refused.size === 0 ? 0 : performance.now() + RETRY_AFTER_SECONDS * 1000;
    this.#drop([...refused.keys()], reason);
    return this.settings.logRequired ? refused : new Map();
  }

  /** Counts the calls that end with these rows; without the row of its beginning, a stream may still get that of its end. */
  #drop(rows: readonly CallRow[], error: unknown): void {
    const calls = rows.filter(({ outcome }) => outcome !== 'running').length;
    if (calls === 0) return;
    this.#dropped += calls;
    this.#losses.add(error, calls);
  }

  #startDraining(): void {
    this.#draining ??= this.#drain().finally(() => {
      this.#draining = undefined;
    });
  }

  async #drain(): Promise<void> {
    const take = async (records: readonly string[]): Promise<void> => {
      const rows = records.map((record) => wholeRow(JSON.parse(record) as CallRow));
      await this.#insert(rows, DRAIN_TIMEOUT_MS).catch((error: unknown) => {
        this.database.lost(error);
        throw error;
      });
    };
    try {
      const taken = await this.#own?.drain(DRAINED_ROWS, take);
      this.#fullUntil = 0;
      if (taken) this.#logger.log({ message: 'calls that waited on disk are in the database', calls: taken });
    } catch (error) {
      if (this.database.problem !== undefined) return;
      this.#logger.error({
        message: 'calls that wait on disk cannot be read; look at the folder spool in DATA_DIR',
        reason: (error as Error).message,
      });
    } finally {
      this.#tellBroken();
    }
  }

  #tellBroken(): void {
    const broken = this.#own?.broken ?? 0;
    const calls = broken - this.#broken;
    if (calls === 0) return;
    this.#broken = broken;
    this.#dropped += calls;
    this.#logger.error({
      message: 'calls on disk cannot be read; the files are kept below spool in DATA_DIR as *.damaged',
      calls,
    });
  }
}

/** A row as it waits on disk: whether it is new is not known there. */
function inWords(row: CallRow): CallRow {
  const { id, outcome, facts } = row;
  return { id, outcome, facts, ...changeTexts(row, String) };
}

/** JSON that the database does not read is kept as the text that it is: nested too deep, for instance. */
function asText(row: CallRow): CallRow {
  const { id, outcome, facts } = row;
  return { id, outcome, facts, ...changeTexts(row, (text) => JSON.stringify(String(text))) };
}

function hasWrites(row: CallRow): row is SettlingRow {
  return row.writes !== undefined;
}

function away(problem: string): Error {
  return new Error(`the database is away: ${problem}`);
}

/** Whether the database refused what the rows hold: SQLSTATE classes 22, data, 23, constraints, and 54, limits. */
function isAboutRows(error: unknown): boolean {
  return /^(2[23]|54)/.test(codeOf(error));
}

function codeOf(error: unknown): string {
  return (error as { code?: string }).code ?? '';
}

function logFull(): ServiceError {
  return new ServiceError('CALL_LOG_FULL', 'Neither the database nor the disk takes calls any more.', {
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  });
}
