import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { PgBoss } from 'pg-boss';
import { Settings } from '../config/settings.js';
import { DatabaseService } from '../database/database.service.js';
import { createJobQueue, QUEUE, startJobQueue, WORK } from './job-queue.js';
import { reportFailure } from './report-failure.js';

/** Milliseconds before another attempt, where the jobs could not be set up. */
const AGAIN_AFTER_MS = 300_000;

/** Milliseconds that the end of the service waits for a job; what it has not done the next one does. */
const END_WITHIN_MS = 2000;

/** One kind of work in the background. */
export interface Job {
  /** The name of its queue, which no other job has. */
  readonly queue: string;
  /** When it is due, as cron has it, UTC. */
  readonly cron: string;
  /** Whether it is also due when a service starts: once for all replicas that start within the same hour. */
  readonly atStart: boolean;
  /**
   * Seconds after which it counts as failed; what it still does then is not waited for.
   * @default 600
   */
  readonly withinSeconds?: number;
  /**
   * Does the work. It may be broken off at any place, and done twice.
   * @param signal aborted when the service ends; it is then waited for shortly
   */
  run(signal: AbortSignal): Promise<void>;
}

/**
 * The background jobs that replicas on one database share: each is done by one of them. They wait for the database, never
 * delay or fail anything else, and are left to other replicas with UPKEEP=false.
 */
@Injectable()
export class Jobs implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #logger = new Logger('Jobs');
  readonly #ending = new AbortController();
  readonly #running = new Set<Promise<void>>();
  readonly #jobs: Job[] = [];
  #isOpen = true;
  #boss: PgBoss | undefined;
  #starting: Promise<void> | undefined;
  #again: NodeJS.Timeout | undefined;

  constructor(
    private readonly settings: Settings,
    private readonly database: DatabaseService,
  ) {}

  /**
   * Adds a job, in a constructor or in `onModuleInit`.
   * @throws Error where another one has its queue, or the jobs have begun
   */
  register(job: Job): void {
    if (!this.#isOpen) throw new Error(`The job ${job.queue} is registered too late.`);
    if (this.#jobs.some(({ queue }) => queue === job.queue)) {
      throw new Error(`There are two jobs named ${job.queue}.`);
    }
    this.#jobs.push(job);
  }

  onApplicationBootstrap(): void {
    this.#isOpen = false;
    if (!this.settings.upkeep || this.#jobs.length === 0) return;
    this.database.whenUp(() => {
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
      this.#boss ??= await this.#startQueue();
    } catch (error) {
      this.#failed('background jobs do not run until this works', error);
      if (this.#ending.signal.aborted) return;
      this.#again = setTimeout(() => {
        this.#begin();
      }, AGAIN_AFTER_MS).unref();
    }
  }

  async #startQueue(): Promise<PgBoss> {
    const boss = createJobQueue(this.database);
    boss.on('error', (error) => {
      this.#failed('background jobs do not work', error);
    });
    try {
      await startJobQueue(boss, this.database);
      for (const job of this.#jobs) {
        const { queue, cron, atStart, withinSeconds } = job;
        await boss.createQueue(queue, {
          ...QUEUE,
          ...(withinSeconds !== undefined && { expireInSeconds: withinSeconds }),
        });
        await boss.schedule(queue, cron);
        if (atStart) await boss.send(queue, null, { singletonSeconds: 3600 });
        await boss.work(queue, WORK, () => this.#run(job));
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

  async #run(job: Job): Promise<void> {
    const { signal } = this.#ending;
    // One that was fetched while the service ends is left to others.
    signal.throwIfAborted();
    const running = job.run(signal);
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

  #failed(message: string, error: unknown): void {
    if (!this.#ending.signal.aborted) reportFailure(this.#logger, this.database, message, error);
  }
}
