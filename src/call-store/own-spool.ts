import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { ConfigError } from '../config/config-error.js';
import type { Settings } from '../config/settings.js';
import { Spool } from '../database/spool/spool.js';
import {
  abandonedIn,
  folderName,
  giveSigns,
  leaveFolder,
  SIGN_EVERY_MS,
  takeOver,
  useFolder,
} from './spool-folder.js';

/**
 * The spool of one service in DATA_DIR. Several services may share that: each has a folder of its own, named by its host,
 * PID namespace and process, which it touches as long as it lives. What services that are gone have left is taken over.
 */
export class OwnSpool implements Pick<Spool, 'records' | 'broken' | 'append' | 'drain'> {
  readonly #logger = new Logger('Spool');
  readonly #parent: string;
  readonly #folder: string;
  readonly #maxBytes: number;
  readonly #spool: Spool;
  readonly #signs: NodeJS.Timeout;
  #signing: Promise<void> | undefined;
  /** What others have left, while it is drained. */
  #left: Spool | undefined;
  #takeovers = 0;
  #brokenElsewhere = 0;
  #isReleased = false;

  private constructor(parent: string, folder: string, maxBytes: number, spool: Spool) {
    this.#parent = parent;
    this.#folder = folder;
    this.#maxBytes = maxBytes;
    this.#spool = spool;
    this.#signs = setInterval(() => {
      this.#signing ??= giveSigns().finally(() => {
        this.#signing = undefined;
      });
    }, SIGN_EVERY_MS).unref();
  }

  /** @throws ConfigError where the folder cannot be used */
  static async open({ dataDir, spoolMaxBytes }: Settings, instanceId: string): Promise<OwnSpool> {
    const parent = join(dataDir, 'spool');
    const folder = join(parent, folderName(instanceId));
    try {
      useFolder(folder);
      for (const from of abandonedIn(parent)) takeOver(from, folder);
      const spool = await Spool.open({ folder, maxBytes: spoolMaxBytes });
      return new OwnSpool(parent, folder, spoolMaxBytes, spool);
    } catch (error) {
      await leaveFolder(folder);
      throw new ConfigError(
        `Calls cannot be kept in ${parent} (${(error as Error).message}): set DATA_DIR to a folder that may be written.`,
        { cause: error },
      );
    }
  }

  get records(): number {
    return this.#spool.records;
  }

  get broken(): number {
    return this.#spool.broken + this.#brokenElsewhere;
  }

  append(record: string): Promise<void> {
    return this.#spool.append(record);
  }

  /** Hands over also what services that have died meanwhile have left. */
  async drain(batch: number, take: (records: readonly string[]) => Promise<void>): Promise<number> {
    return (await this.#spool.drain(batch, take)) + (await this.#drainAbandoned(batch, take));
  }

  /** Leaves it, with what is in it, to the next process; a drain ends behind its batch. */
  async release(): Promise<void> {
    this.#isReleased = true;
    clearInterval(this.#signs);
    await this.#signing;
    await Promise.all([this.#spool.close(), this.#left?.close()]);
    await leaveFolder(this.#folder);
  }

  /** It is moved first, so that it is ours also for those who look meanwhile. */
  async #drainAbandoned(batch: number, take: (records: readonly string[]) => Promise<void>): Promise<number> {
    const folder = `${this.#folder}-${++this.#takeovers}`;
    try {
      const spool = await this.#unlessRefused(this.#parent, () => this.#openAbandoned(folder));
      if (!spool || this.#isReleased) return 0;
      this.#left = spool;
      const drained = await spool.drain(batch, take).finally(async () => {
        await spool.close();
        this.#brokenElsewhere += spool.broken;
      });
      // Files that cannot be read are kept beside our own.
      await this.#unlessRefused(this.#parent, () => {
        if (!this.#isReleased) takeOver(folder, this.#folder);
      });
      return drained;
    } finally {
      await leaveFolder(folder);
    }
  }

  async #openAbandoned(folder: string): Promise<Spool | undefined> {
    const abandoned = this.#isReleased ? [] : abandonedIn(this.#parent);
    if (abandoned.length === 0) return undefined;
    useFolder(folder);
    for (const from of abandoned) {
      await this.#unlessRefused(from, () => {
        takeOver(from, folder);
      });
    }
    return Spool.open({ folder, maxBytes: this.#maxBytes });
  }

  /** What the file system refuses here is no fault of the database, and is tried again with the next drain. */
  async #unlessRefused<T>(place: string, act: () => T | Promise<T>): Promise<T | undefined> {
    try {
      return await act();
    } catch (error) {
      this.#logger.warn({
        message: `calls that other services have left in ${place} are not taken over: see who may read and write there`,
        reason: (error as Error).message,
      });
      return undefined;
    }
  }
}
