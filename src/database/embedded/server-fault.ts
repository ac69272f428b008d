import { statfs } from 'node:fs/promises';
import { ConfigError } from '../../config/config-error.js';

/** Bytes below which a folder counts as full: a server that starts writes more than this. */
const FULL_BELOW = 1_048_576;

/** Characters of a program's words that a sentence repeats. */
const REPEATED = 300;

/**
 * What an operator is told when the database in a folder was not made or did not start.
 * @param did - what did not work, such as `does not start`
 * @param output - what the program wrote
 */
export async function serverFault(dataDir: string, did: string, output: string): Promise<ConfigError> {
  if (/no space left on device|disk quota exceeded/i.test(output) || (await isFull(dataDir)))
    return new ConfigError(
      `The database in ${dataDir} ${did}: there is no space left. Free some, set DATA_DIR to a folder with room, ` +
        'or DATABASE_URL to a server of your own.',
    );
  if (/read-only file system/i.test(output))
    return new ConfigError(
      `The database in ${dataDir} ${did}: the folder is read-only. Set DATA_DIR to one that may be written to, ` +
        'or DATABASE_URL to a server of your own.',
    );
  return new ConfigError(
    `The database in ${dataDir} ${did} (${mostTelling(output)}). Look into ${dataDir}/postgres.log, ` +
      'set DATA_DIR to another folder, or DATABASE_URL to a server of your own.',
  );
}

async function isFull(folder: string): Promise<boolean> {
  const room = await statfs(folder).catch(() => undefined);
  return room !== undefined && room.bavail * room.bsize < FULL_BELOW;
}

function mostTelling(output: string): string {
  const lines = output.trim().split('\n');
  const line = lines.findLast((one) => /\b(FATAL|PANIC|error):/.test(one)) ?? lines.at(-1) ?? '';
  return line.replace(/^.*?(FATAL|PANIC|error):\s*/, '').slice(0, REPEATED) || 'it said nothing';
}
