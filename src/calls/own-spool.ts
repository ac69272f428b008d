import { mkdirSync, readdirSync, renameSync, rmdirSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from '../config/config-error.js';
import type { Settings } from '../config/settings.js';
import { Spool } from '../database/spool/spool.js';

/** Milliseconds after which the spool of another host is nobody's: a container that was made anew has another name. */
const FORGOTTEN_AFTER_MS = 600_000;

/** What separates the parts of a folder's name; a host's name has none. */
const SEPARATOR = '~';

/** Folders that are in use in this process, by whichever service in it. */
const inUse = new Set<string>();

/** A spool that nobody else uses. */
export interface OwnSpool {
  readonly spool: Spool;
  /** Leaves it, with what is in it, to the next process. */
  release(): Promise<void>;
}

/**
 * Opens this process' spool in DATA_DIR. It takes over what processes that are gone have left: several may share the
 * folder, each with a part named by its host and number.
 * @throws ConfigError where the folder cannot be used
 */
export async function openOwnSpool(
  { dataDir, spoolMaxBytes }: Settings,
  instanceId: string,
): Promise<OwnSpool> {
  const parent = join(dataDir, 'spool');
  const own = join(parent, [hostname(), process.pid, instanceId].join(SEPARATOR));
  try {
    inUse.add(own);
    mkdirSync(own, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(parent)) {
      const folder = join(parent, name);
      if (!inUse.has(folder) && isAbandoned(folder, name)) takeOver(folder, own);
    }
    const spool = await Spool.open({ folder: own, maxBytes: spoolMaxBytes });
    return {
      spool,
      release: async () => {
        await spool.close();
        inUse.delete(own);
      },
    };
  } catch (error) {
    inUse.delete(own);
    throw new ConfigError(
      `Calls cannot be kept in ${parent} (${(error as Error).message}): set DATA_DIR to a folder that may be written.`,
      { cause: error },
    );
  }
}

/** A folder with our own number is abandoned too, after a restart in a container for instance: the number is ours now. */
function isAbandoned(folder: string, name: string): boolean {
  const [host, number] = name.split(SEPARATOR);
  const pid = Number(number);
  if (!Number.isInteger(pid)) return false;
  if (host !== hostname()) return isForgotten(folder);
  if (pid === process.pid) return true;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

function isForgotten(folder: string): boolean {
  const changes = [folder, ...readdirSync(folder).map((file) => join(folder, file))].map(
    (path) => statSync(path).mtimeMs,
  );
  return Date.now() - Math.max(...changes) > FORGOTTEN_AFTER_MS;
}

/** What is not there any more has been taken over by another process that started at the same moment. */
function takeOver(from: string, to: string): void {
  try {
    for (const file of readdirSync(from)) renameSync(join(from, file), join(to, file));
    rmdirSync(from);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
