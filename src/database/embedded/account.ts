import { stat } from 'node:fs/promises';
import { ConfigError } from '../../config/config-error.js';
import { type Account, runProgram } from './run-program.js';

/** The account's usual name; a distribution's own PostgreSQL uses the same one. */
const NAME = 'postgres';

/**
 * PostgreSQL refuses to run as root, so a service that is root runs it as the owner of the cluster that there is, else
 * as the account `postgres`.
 * @param cluster - the folder of the cluster, which need not exist
 * @returns nothing where the server simply runs as the service does, and where that account is still to be made
 */
export async function findServerAccount(cluster: string): Promise<Account | undefined> {
  if (!isRoot()) return undefined;
  const owner = await stat(cluster).catch(() => undefined);
  if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  return findAccount();
}

/**
 * The same, and makes the account where it is missing.
 * @returns nothing where the server simply runs as the service does
 * @throws ConfigError if there is no account to run as
 */
export async function serverAccount(cluster: string): Promise<Account | undefined> {
  const found = await findServerAccount(cluster);
  if (found || !isRoot()) return found;
  await runProgram('useradd', [
    '--system',
    '--user-group',
    '--no-create-home',
    '--shell',
    '/bin/false',
    NAME,
  ]);
  const made = await findAccount();
  if (made) return made;
  throw new ConfigError(
    `The service's own database does not run as root, and no account "${NAME}" could be made: ` +
      'start the service as an ordinary user, or set DATABASE_URL to a server of your own.',
  );
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

async function findAccount(): Promise<Account | undefined> {
  const [uid, gid] = await Promise.all([runProgram('id', ['-u', NAME]), runProgram('id', ['-g', NAME])]);
  if (uid.code !== 0 || gid.code !== 0) return undefined;
  return { uid: Number(uid.output), gid: Number(gid.output) };
}
