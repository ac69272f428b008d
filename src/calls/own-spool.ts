import { mkdirSync, readdirSync, readlinkSync, renameSync, rmdirSync, statSync } from 'node:fs';
import { mkdir, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, join } from 'node:path';
import { Logger } from '@nestjs/common';
import { ConfigError } from '../config/config-error.js';
import type { Settings } from '../config/settings.js';
import { Spool } from '../database/spool/spool.js';

/** How often a service touches its folder, as a sign that it lives. */
const SIGN_EVERY_MS = 30_000;

/** Milliseconds without a sign after which a folder is nobody's: some signs that are late make nobody dead. */
const FORGOTTEN_AFTER_MS = 180_000;

/** The sign in a folder that was left in order: nobody has to wait for its silence. */
const LEFT = new Date(0);

/** What separates the parts of a folder's name. */
const SEPARATOR = '~';

/** A folder's name: where its process runs, the process' number, and its instance. Other folders are left alone. */
const NAME = new RegExp(`^(.+)${SEPARATOR}(\\d+)${SEPARATOR}[^${SEPARATOR}]+$`);

/** Folders that are in use in this process, by whichever service in it. */
const inUse = new Set<string>();

const logger = new Logger('Spool');

/** A spool that nobody else uses. */
export interface OwnSpool {
  /** A drain also hands over what services that have died meanwhile have left. */
  readonly spool: Pick<Spool, 'records' | 'broken' | 'append' | 'drain'>;
  /** Leaves it, with what is in it, to the next process. */
  release(): Promise<void>;
}

/**
 * Opens this process' spool in DATA_DIR. It takes over what processes that are gone have left: several may share the
 * folder, each with a part named by its host, PID namespace and number, which it touches as long as it lives.
 * @throws ConfigError where the folder cannot be used
 */
export async function openOwnSpool(
  { dataDir, spoolMaxBytes }: Settings,
  instanceId: string,
): Promise<OwnSpool> {
  const parent = join(dataDir, 'spool');
  const own = join(parent, [placeOf(), process.pid, instanceId].join(SEPARATOR));
  let takeovers = 0;
  let left: Spool | undefined;
  let brokenElsewhere = 0;
  let isReleased = false;
  let signing: Promise<void> | undefined;
  const signs = setInterval(() => {
    signing ??= giveSigns().finally(() => {
      signing = undefined;
    });
  }, SIGN_EVERY_MS).unref();

  /** Drains what dead services have left. It is moved first, so that it is ours also for those who look meanwhile. */
  const drainAbandoned: Spool['drain'] = async (batch, take) => {
    const folder = `${own}-${++takeovers}`;
    inUse.add(folder);
    try {
      const spool = await unlessRefused(parent, async () => {
        const abandoned = isReleased ? [] : abandonedIn(parent);
        if (abandoned.length === 0) return undefined;
        mkdirSync(folder, { mode: 0o700 });
        for (const from of abandoned)
          await unlessRefused(from, () => {
            takeOver(from, folder);
          });
        return Spool.open({ folder, maxBytes: spoolMaxBytes });
      });
      if (!spool || isReleased) return 0;
      left = spool;
      const drained = await spool.drain(batch, take).finally(async () => {
        await spool.close();
        brokenElsewhere += spool.broken;
      });
      // Files that cannot be read are kept beside our own.
      await unlessRefused(parent, () => {
        if (!isReleased) takeOver(folder, own);
      });
      return drained;
    } finally {
      await leave(folder);
    }
  };

  try {
    inUse.add(own);
    mkdirSync(own, { recursive: true, mode: 0o700 });
    for (const from of abandonedIn(parent)) takeOver(from, own);
    const spool = await Spool.open({ folder: own, maxBytes: spoolMaxBytes });
    return {
      spool: {
        get records() {
          return spool.records;
        },
        get broken() {
          return spool.broken + brokenElsewhere;
        },
        append: (record) => spool.append(record),
        drain: async (batch, take) => (await spool.drain(batch, take)) + (await drainAbandoned(batch, take)),
      },
      release: async () => {
        isReleased = true;
        clearInterval(signs);
        await signing;
        await Promise.all([spool.close(), left?.close()]);
        await leave(own);
      },
    };
  } catch (error) {
    clearInterval(signs);
    inUse.delete(own);
    throw new ConfigError(
      `Calls cannot be kept in ${parent} (${(error as Error).message}): set DATA_DIR to a folder that may be written.`,
      { cause: error },
    );
  }
}

/**
 * Where the numbers of processes mean the same: the host and, on Linux, its PID namespace, since every container has
 * its own process 1.
 */
function placeOf(): string {
  try {
    const [namespace] = /\d+/.exec(readlinkSync('/proc/self/ns/pid')) ?? [];
    if (namespace !== undefined) return [hostname(), namespace].join(SEPARATOR);
  } catch {
    // No Linux: there the host says it all.
  }
  return hostname();
}

async function giveSigns(): Promise<void> {
  for (const folder of inUse) {
    const now = new Date();
    try {
      await utimes(folder, now, now).catch((error: unknown) => {
        if (codeOf(error) !== 'ENOENT') throw error;
        // Taken over from a service that was stopped for long, with its machine for instance.
        return mkdir(folder, { recursive: true, mode: 0o700 });
      });
    } catch (error) {
      logger.warn({
        message: `${folder} takes no sign of life, and other services on it may take its calls over: see whether it may be written`,
        reason: (error as Error).message,
      });
    }
  }
}

/** What the file system refuses here is no fault of the database, and is tried again with the next drain. */
async function unlessRefused<T>(parent: string, act: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await act();
  } catch (error) {
    logger.warn({
      message: `calls that other services have left in ${parent} are not taken over: see who may read and write there`,
      reason: (error as Error).message,
    });
    return undefined;
  }
}

/** Where its end cannot be written, the next process waits for the silence. */
async function leave(folder: string): Promise<void> {
  inUse.delete(folder);
  await utimes(folder, LEFT, LEFT).catch(() => undefined);
}

function abandonedIn(parent: string): string[] {
  return readdirSync(parent)
    .map((name) => join(parent, name))
    .filter((folder) => !inUse.has(folder) && isAbandoned(folder));
}

/**
 * Whether the process is gone for sure, or has given no sign for so long that it must be. A number that is ours is no
 * other process' any more, but one of another namespace may be as alive as we are.
 */
function isAbandoned(folder: string): boolean {
  const [, place, number] = NAME.exec(basename(folder)) ?? [];
  if (place === undefined) return false;
  return (place === placeOf() && hasEnded(Number(number))) || isSilent(folder);
}

function hasEnded(pid: number): boolean {
  if (pid === process.pid) return true;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return codeOf(error) === 'ESRCH';
  }
}

function isSilent(folder: string): boolean {
  const sign = statSync(folder, { throwIfNoEntry: false })?.mtimeMs;
  return sign !== undefined && Date.now() - sign > FORGOTTEN_AFTER_MS;
}

/** What is not there any more is taken over by another process at the same moment; one that is not dead writes on. */
function takeOver(from: string, to: string): void {
  unlessTaken(() => {
    for (const file of readdirSync(from)) {
      unlessTaken(() => {
        renameSync(join(from, file), join(to, file));
      });
    }
    rmdirSync(from);
  });
}

function unlessTaken(act: () => void): void {
  try {
    act();
  } catch (error) {
    if (!['ENOENT', 'ENOTEMPTY'].includes(codeOf(error))) throw error;
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? '';
}
