import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { PgBoss } from 'pg-boss';
import { Settings } from '../../config/settings.js';
import { isConnectionLost } from '../../database/connection.js';
import { DatabaseService } from '../../database/database.service.js';
import { DEAD_AFTER_SECONDS, forgetInstances, markInterrupted } from './dead-instances.js';
import { createJobQueue, QUEUE, startJobQueue, WORK } from '../../jobs/job-queue.js';
import { STATEMENT_WITHIN_MS } from './locks.js';
import { makeDays } from './make-days.js';
import { databaseTime } from './partitions.js';
import { deleteOldCalls, dropOldDays } from './retention.js';

/** Milliseconds before another attempt, where the jobs could not be set up. */
const AGAIN_AFTER_MS = 300_000;

/** Milliseconds that the end of the service waits for a job; what it has not done the next one does. */
const END_WITHIN_MS = 2000;

/** One kind of job: its queue, when it is due (UTC), and what it does. */
interface Job {
  readonly queue: string;
  readonly cron: string;
  /** Whether it is due when a service starts, too. */
  readonly atStart: boolean;
  readonly run: () => Promise<void>;
}

/**
 * What the call log needs in the background: tables for the coming days, an end for old ones and for the calls of
 * instances that died. Replicas share it as jobs. It never delays or fails anything else.
 */
@Injectable()
export class Upkeep implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #logger = new Logger('Upkeep');
  readonly #ending = new AbortController();
  readonly #running = new Set<Promise<void>>();
  readonly #jobs: readonly Job[] = [
    { queue: 'call-log-days', cron: '7 * * * *', atStart: true, run: () => this.#keepDays() },
    { queue: 'call-log-interrupted', cron: '* * * * *', atStart: false, run: () => this.#endInterrupted() },
  ];
  /** Days that have no table of their own, as was told. */
  readonly #left = new Set<string>();
  #boss: PgBoss | undefined;
  #starting: Promise<void> | undefined;
  #again: NodeJS.Timeout | undefined;
  #upSince = -Infinity;

  constructor(
    private readonly settings: Settings,
    private readonly database: DatabaseService,
  ) {}

  onApplicationBootstrap(): void {
    if (!this.settings.upkeep) return;
    this.database.whenUp(() => {
      this.#upSince = performance.now();
      this.#begin();
    });
  }

  async onApplicationShutdown(): Promise<void> {
    this.#ending.abort();
    clearTimeout(this.#again);
    // Jobs go over the connections of the database, which are closed after this.
    await Promise.race([this.#end(), delay(END_WITHIN_MS, undefined, { ref: false })]);
  }

  #begin(): void {
    if (this.#ending.signal.aborted) return;
    clearTimeout(this.#again);
    this.#starting ??= this.#start().finally(() => {
      this.#starting = undefined;
    });
  }

  async #start(): Promise<void> {
    try {
      await this.#makeDays();
      this.#boss ??= await this.#startJobs();
    } catch (error) {
      this.#failed('the call log is not tended: its days neither come nor go until this works', error);
      this.#again = setTimeout(() => {
        this.#begin();
      }, AGAIN_AFTER_MS).unref();
    }
  }

  async #startJobs(): Promise<PgBoss> {
    const boss = createJobQueue(this.database);
    boss.on('error', (error) => {
      this.#failed('background jobs do not work', error);
    });
    try {
      await startJobQueue(boss, this.database);
      for (const { queue, cron, atStart, run } of this.#jobs) {
        await boss.createQueue(queue, QUEUE);
        await boss.schedule(queue, cron);
        // Once for all replicas that start within the same hour.
        if (atStart) await boss.send(queue, null, { singletonSeconds: 3600 });
        await boss.work(queue, WORK, () => this.#run(run));
      }
      return boss;
    } catch (error) {
      await boss.stop({ graceful: false });
      throw error;
    }
  }

  async #end(): Promise<void> {
    await this.#starting;
    await this.#boss?.stop({ graceful: false });
    await Promise.allSettled(this.#running);
  }

  async #run(job: () => Promise<void>): Promise<void> {
    // One that was fetched while the service ends is left to others.
    this.#ending.signal.throwIfAborted();
    const running = job();
    this.#running.add(running);
    try {
      await running;
    } catch (error) {
      this.#failed('a background job failed', error);
      throw error;
    } finally {
      this.#running.delete(running);
    }
  }

  async #keepDays(): Promise<void> {
    const { db } = this.database;
    await this.#makeDays();
    const now = await databaseTime(db);
    const { retentionDays } = this.settings;
    const { dropped, postponed } = await dropOldDays(db, now, retentionDays);
    const deleted = await deleteOldCalls(db, now, retentionDays, this.#ending.signal);
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

  #failed(message: string, error: unknown): void {
    if (this.#ending.signal.aborted) return;
    if (isConnectionLost(error)) this.database.lost(error);
    // What fails for want of a database is told by that already.
    if (this.database.problem !== undefined) return;
    this.#logger.error({ message, reason: reasonOf(error) });
  }
}

function reasonOf(error: unknown): string {
  const { code, message = String(error) } = error as { code?: string; message?: string };
  // https://www.postgresql.org/docs/current/errcodes-appendix.html: insufficient_privilege
  return code === '42501'
    ? `${message}: grant the user of DATABASE_URL CREATE on the database and on its schema public`
    : message;
}
