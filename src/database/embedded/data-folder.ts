import { createHash } from 'node:crypto';
import { access, chmod, constants, mkdir, realpath, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
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
    throw dataFolderFault(wanted, error);
  }
}

/** What an operator is told of a data folder that will not do. */
export function dataFolderFault(folder: string, error: unknown): ConfigError {
  return new ConfigError(
    `The data folder ${folder} ${fault(codeOf(error))}: set DATA_DIR to a folder that this user may write to.`,
  );
}

/** Where the server's files go if root's own folders are closed to the account that it runs as. */
const OPEN_PLACE = '/var/lib/llm-service';

/**
 * The folder of the server's files: the data folder, or one under /var/lib where the server's account does not get to
 * it, as in a clone in /root. The folders above are not ours to open. It need not exist.
 * @param dataDir - the data folder without links
 */
export async function serverFolder(dataDir: string, account: Account | undefined): Promise<string> {
  // The data folder itself is ours, and is opened where the server is to run in it.
  return !account || (await reaches(account, dirname(dataDir))) ? dataDir : openPlaceOf(dataDir);
}

/**
 * The same, made where it is missing and open to the server's account.
 * @throws ConfigError if the account does not get there
 */
export async function openServerFolder(dataDir: string, account: Account | undefined): Promise<string> {
  const folder = await serverFolder(dataDir, account);
  if (!account) return folder;
  await mkdir(folder, { recursive: true });
  await letThrough(folder);
  if (!(await reaches(account, folder)))
    throw new ConfigError(
      `Neither ${dataDir} nor ${openPlaceOf(dataDir)} can be reached by the user id ${account.uid}, which the database ` +
        'runs as since root may not: open the folders above one of them (chmod o+x), set DATA_DIR to another folder, ' +
        'or start the service as an ordinary user.',
    );
  if (folder !== dataDir)
    new Logger('Database').warn({
      message: 'the database lies elsewhere: its account gets to no folder of root',
      data_dir: dataDir,
      database: folder,
    });
  return folder;
}

function openPlaceOf(dataDir: string): string {
  return join(OPEN_PLACE, createHash('sha256').update(dataDir).digest('hex').slice(0, 12));
}

/** Lets the server's account through a folder of ours to its own part of it. */
async function letThrough(folder: string): Promise<void> {
  const { mode } = await stat(folder);
  if ((mode & 0o011) !== 0o011) await chmod(folder, (mode & 0o7777) | 0o011);
}

async function reaches(account: Account, folder: string): Promise<boolean> {
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
