import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { DatabaseService } from '../../database/database.service.js';
import { Jobs } from '../../jobs/jobs.js';
import { reportFailure } from '../../jobs/report-failure.js';
import { BUILT_WITHIN_SECONDS, buildIndexes } from './build-indexes.js';
import { DEAD_AFTER_SECONDS, forgetInstances, markInterrupted } from './dead-instances.js';
import { STATEMENT_WITHIN_MS } from './locks.js';
import { makeDays } from './make-days.js';
import { databaseTime } from './partitions.js';
import { deleteOldCalls, dropOldDays } from './retention.js';

/** Milliseconds that the end of the service waits for days that are being made. */
const END_WITHIN_MS = 2000;

/** How often a service itself makes the coming days, whatever becomes of the jobs. */
const MAKE_DAYS_EVERY_MS = 3_600_000;

/**
 * What the call log needs in the background: tables for the coming days, an end for old ones and for the calls of
 * instances that died, and indexes that a newer version asks for. It never delays or fails anything else.
 */
@Injectable()
export class Upkeep implements OnModuleInit, OnApplicationShutdown {
  readonly #logger = new Logger('Upkeep');
  /** Days that have no table of their own, as was told. */
  readonly #left = new Set<string>();
  #making: Promise<void> | undefined;
  #makingAgain: NodeJS.Timeout | undefined;
  #hasEnded = false;
  #upSince = -Infinity;

  constructor(
    private readonly settings: Settings,
    private readonly database: DatabaseService,
    private readonly jobs: Jobs,
  ) {}

  onModuleInit(): void {
    if (!this.settings.upkeep) return;
    this.jobs.register({
      queue: 'call-log-days',
      cron: '7 * * * *',
      atStart: true,
      run: (signal) => this.#keepDays(signal),
    });
    this.jobs.register({
      queue: 'call-log-interrupted',
      cron: '* * * * *',
      atStart: false,
      run: () => this.#endInterrupted(),
    });
    this.jobs.register({
      queue: 'call-log-indexes',
      cron: '37 * * * *',
      atStart: true,
      withinSeconds: BUILT_WITHIN_SECONDS,
      run: (signal) => this.#buildIndexes(signal),
    });
    this.database.whenUp(() => {
      this.#upSince = performance.now();
      this.#startMakingDays();
    });
    this.#makingAgain = setInterval(() => {
      if (this.database.problem === undefined) this.#startMakingDays();
    }, MAKE_DAYS_EVERY_MS).unref();
  }

  async onApplicationShutdown(): Promise<void> {
    this.#hasEnded = true;
    clearInterval(this.#makingAgain);
    await Promise.race([this.#making, delay(END_WITHIN_MS, undefined, { ref: false })]);
  }

  /** Without a job: one may be a while in coming, and jobs may not run at all, but calls go on. */
  #startMakingDays(): void {
    this.#making ??= this.#makeDaysNow().finally(() => {
      this.#making = undefined;
    });
  }

  async #makeDaysNow(): Promise<void> {
    try {
      await this.#makeDays();
    } catch (error) {
      if (this.#hasEnded) return;
      reportFailure(this.#logger, this.database, 'coming days of the call log are not made', error);
    }
  }

  async #keepDays(signal: AbortSignal): Promise<void> {
    const { db } = this.database;
    await this.#makeDays();
    const now = await databaseTime(db);
    const { retentionDays } = this.settings;
    const { dropped, postponed } = await dropOldDays(db, now, retentionDays);
    const deleted = await deleteOldCalls(db, now, retentionDays, signal);
    if (dropped.length > 0 || deleted > 0) {
      this.#logger.log({
        message: 'calls older than RETENTION_DAYS are gone',
        days: dropped,
        others: deleted,
      });
    }
    if (postponed.length > 0) {
      this.#logger.warn({ message: 'old days of the call log are in use and stay for now', days: postponed });
    }
    await forgetInstances(db);
  }

  async #makeDays(): Promise<void> {
    const { db } = this.database;
    const { made, left, postponed } = await makeDays(db, await databaseTime(db), STATEMENT_WITHIN_MS);
    if (made.length > 0) this.#logger.debug({ message: 'days of the call log are made', days: made });
    const news = left.filter((name) => !this.#left.has(name));
    if (news.length > 0) {
      this.#logger.warn({
        message: 'days of the call log stay in calls_other: it has many of their calls',
        days: news,
      });
      for (const name of news) this.#left.add(name);
    }
    if (postponed.length > 0) {
      this.#logger.warn({
        message:
          'coming days of the call log are made later: it is in use, or calls_other is large (docs/logs.md, "How long")',
        days: postponed,
      });
    }
  }

  async #endInterrupted(): Promise<void> {
    // When a database comes back, the other instances need a moment to say that they live.
    if (performance.now() - this.#upSince < DEAD_AFTER_SECONDS * 1000) return;
    const calls = await markInterrupted(this.database.db);
    if (calls > 0)
      this.#logger.warn({ message: 'calls of instances that died are marked interrupted', calls });
  }

  async #buildIndexes(signal: AbortSignal): Promise<void> {
    const { built, postponed } = await buildIndexes(this.database.pool, this.database.db, signal);
    if (built.length > 0) this.#logger.log({ message: 'indexes of the call log are built', indexes: built });
    if (postponed.length > 0) {
      this.#logger.warn({
        message: 'indexes of the call log are built later: somebody reads or writes for long',
        indexes: postponed,
      });
    }
  }
}
