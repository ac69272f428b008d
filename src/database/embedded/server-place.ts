import { access, realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { findServerAccount, serverAccount } from './account.js';
import { clusterFolder } from './cluster.js';
import { dataFolderFault, openServerFolder, serverFolder } from './data-folder.js';
import { isMissing } from './files.js';
import type { Account } from './run-program.js';

/** Where the server of a data folder has its files, and whom it runs as. */
export interface ServerPlace {
  /** The data folder, or what stands in for it where the server's account does not get there. */
  readonly folder: string;
  /** Nothing where the server runs as this process does. */
  readonly account: Account | undefined;
}

/**
 * The place of the server of a data folder, made where it is missing.
 * @param dataDir - the data folder without links
 * @throws ConfigError if there is no account to run as, or no folder that it gets to
 */
export async function openServerPlace(dataDir: string): Promise<ServerPlace> {
  const account = await serverAccount(clusterFolder(dataDir));
  return { folder: await openServerFolder(dataDir, account), account };
}

/**
 * The same place as far as there is a cluster in it; nothing is made or changed.
 * @throws ConfigError if that cannot be told
 */
export async function findServerPlace(dataDir: string): Promise<ServerPlace | undefined> {
  const wanted = resolve(dataDir);
  try {
    const ownFolder = await realpath(wanted);
    const account = await findServerAccount(clusterFolder(ownFolder));
    const folder = await serverFolder(ownFolder, account);
    await access(clusterFolder(folder));
    return { folder, account };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw dataFolderFault(wanted, error);
  }
}
