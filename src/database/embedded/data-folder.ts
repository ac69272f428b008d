import { createHash } from 'node:crypto';
import { access, chmod, constants, mkdir, realpath, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Logger } from '@nestjs/common';
import { ConfigError } from '../../config/config-error.js';
import { codeOf } from './files.js';
import { type Account, runProgram } from './run-program.js';

/**
 * Makes the data folder where it is missing.
 * @returns its path without links
 * @throws ConfigError if it cannot be written to
 */
export async function openDataFolder(dataDir: string): Promise<string> {
  const wanted = resolve(dataDir);
  try {
    if (await mkdir(wanted, { recursive: true })) await chmod(wanted, 0o700);
    await access(wanted, constants.W_OK | constants.X_OK);
    return await realpath(wanted);
  } catch (error) {
    throw new ConfigError(
      `The data folder ${wanted} ${fault(codeOf(error))}: set DATA_DIR to a folder that this user may write to, ` +
        'or DATABASE_URL to a server of your own.',
    );
  }
}

/** Where the server's files go if root's own folders are closed to the account that it runs as. */
const OPEN_PLACE = '/var/lib/llm-service';

/**
 * The folder of the server's files: the data folder, or one under /var/lib where the server's account does not get to
 * it, as in a clone in /root. The folders above are not ours to open.
 * @throws ConfigError if the account gets to neither
 */
export async function serverFolder(dataDir: string, account: Account | undefined): Promise<string> {
  if (!account || (await letThrough(dataDir, account))) return dataDir;
  const name = createHash('sha256').update(dataDir).digest('hex').slice(0, 12);
  const folder = join(OPEN_PLACE, name);
  await mkdir(folder, { recursive: true });
  if (await letThrough(folder, account)) {
    new Logger('Database').warn({
      message: 'the database lies elsewhere: its account gets to no folder of root',
      data_dir: dataDir,
      database: folder,
    });
    return folder;
  }
  throw new ConfigError(
    `Neither ${dataDir} nor ${folder} can be reached by the user id ${account.uid}, which the database runs as since ` +
      'root may not: open the folders above one of them (chmod o+x), set DATA_DIR to another folder, or start the ' +
      'service as an ordinary user.',
  );
}

/** Lets the server's account through a folder of ours to its own part of it; says whether it gets there. */
async function letThrough(folder: string, account: Account): Promise<boolean> {
  const { mode } = await stat(folder);
  if ((mode & 0o011) !== 0o011) await chmod(folder, (mode & 0o7777) | 0o011);
  const { code } = await runProgram('sh', ['-c', 'cd -- "$1"', 'sh', folder], { account, cwd: '/' });
  return code === 0;
}

function fault(code: string | undefined): string {
  switch (code) {
    case 'EROFS':
      return 'is read-only';
    case 'ENOSPC':
    case 'EDQUOT':
      return 'has no space left';
    case 'EEXIST':
    case 'ENOTDIR':
      return 'is not a folder';
    default:
      return `may not be written to (${code ?? 'unknown fault'})`;
  }
}
