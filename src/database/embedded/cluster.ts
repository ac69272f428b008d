import { chmod, mkdir, readFile, readdir, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ConfigError } from '../../config/config-error.js';
import { syncFolder } from '../sync-folder.js';
import { codeOf, isMissing, keepPrivate } from './files.js';
import type { NativeServer } from './native-package.js';
import { isAlive } from './pid-file.js';
import { type Account, type ProgramEnd, runProgram } from './run-program.js';
import { serverFault } from './server-fault.js';

/** The major version of the programs; the files of another one are not readable for them. */
const MAJOR = '18';

/** The superuser, and the only user, of the server. */
export const USER = 'llm_service';

/** How the names of clusters in the making begin; the rest is the id of the process that makes one. */
const UNFINISHED = 'postgres.new-';

/** Milliseconds after which a cluster in the making is nobody's, whoever has the id in its name by now. */
const FORGOTTEN_AFTER_MS = 600_000;

/** What a cluster is made of. */
export interface ClusterPlan {
  readonly dataDir: string;
  readonly native: NativeServer;
  readonly account: Account | undefined;
  /** Who may connect: the whole `pg_hba.conf`. */
  readonly access: string;
  /** The file with the superuser's password, where one is needed. */
  readonly passwordFile: string | undefined;
}

/** The folder of the cluster in a data folder. */
export function clusterFolder(dataDir: string): string {
  return join(dataDir, 'postgres');
}

/**
 * Makes the cluster where there is none. It is built beside its place and moved there when it is whole, so that what is
 * killed in the middle leaves nothing that looks like a cluster.
 * @throws ConfigError if the folder holds something else, or if it cannot be made
 */
export async function makeCluster(plan: ClusterPlan): Promise<void> {
  const { dataDir } = plan;
  await removeUnfinished(dataDir);
  if (await holdsCluster(clusterFolder(dataDir))) return;
  const unfinished = join(dataDir, `${UNFINISHED}${process.pid}`);
  try {
    await build(unfinished, plan);
    await rename(unfinished, clusterFolder(dataDir));
    await syncFolder(dataDir);
  } catch (error) {
    // Another process that starts at this moment was quicker.
    const theirs = ['ENOTEMPTY', 'EEXIST', 'EPERM'].includes(codeOf(error) ?? '');
    if (theirs && (await holdsCluster(clusterFolder(dataDir)))) return;
    if (error instanceof ConfigError) throw error;
    throw await serverFault(dataDir, 'could not be made', String(error));
  } finally {
    await removeFolder(unfinished);
  }
}

async function removeUnfinished(dataDir: string): Promise<void> {
  for (const name of await readdir(dataDir)) {
    if (!name.startsWith(UNFINISHED)) continue;
    const folder = join(dataDir, name);
    const pid = Number.parseInt(name.slice(UNFINISHED.length), 10);
    const changed = await stat(folder).catch(() => undefined);
    const forgotten = !changed || Date.now() - changed.mtimeMs > FORGOTTEN_AFTER_MS;
    if (forgotten || pid === process.pid || !isAlive(pid)) await removeFolder(folder);
  }
}

async function removeFolder(folder: string): Promise<void> {
  // An `initdb` whose service was killed may still be writing there.
  await rm(folder, { recursive: true, force: true, maxRetries: 10 });
}

async function holdsCluster(cluster: string): Promise<boolean> {
  let version: string;
  try {
    version = (await readFile(join(cluster, 'PG_VERSION'), 'utf8')).trim();
  } catch (error) {
    if (isMissing(error)) return refuseOtherFiles(cluster);
    throw new ConfigError(
      `The database in ${cluster} cannot be read by this user (${codeOf(error) ?? 'unknown fault'}): start the service ` +
        'as the user that owns the folder, or set DATA_DIR to another one.',
    );
  }
  if (version === MAJOR) return true;
  throw new ConfigError(
    `The database in ${cluster} was made by PostgreSQL ${version}, and this service brings ${MAJOR}: set DATA_DIR to ` +
      `another folder, or run that version yourself and set DATABASE_URL to it.`,
  );
}

async function refuseOtherFiles(cluster: string): Promise<false> {
  const names = await readdir(cluster).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  if (names.length === 0) return false;
  throw new ConfigError(
    `${cluster} holds files that are no database: move them away, or set DATA_DIR to another folder.`,
  );
}

async function build(folder: string, plan: ClusterPlan): Promise<void> {
  const { dataDir, account, access, passwordFile } = plan;
  await mkdir(folder, { mode: 0o700 });
  await keepPrivate(folder, 0o700, account);
  const { code, output } = await initdb(plan, [
    `--pgdata=${folder}`,
    `--username=${USER}`,
    '--auth-local=trust',
    '--auth-host=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--no-instructions',
    ...(passwordFile === undefined ? [] : [`--pwfile=${passwordFile}`]),
  ]);
  if (code !== 0) throw await serverFault(dataDir, 'could not be made', output);
  await writeFile(join(folder, 'pg_hba.conf'), access, { flush: true });
}

async function initdb(plan: ClusterPlan, parameters: readonly string[]): Promise<ProgramEnd> {
  const { dataDir, native, account } = plan;
  const { libraryPath } = native;
  const ended = await runProgram(native.initdb, parameters, { account, libraryPath, cwd: dataDir });
  if (!ended.output.includes('could not look up effective user ID')) return ended;
  const folder = join(dataDir, `${UNFINISHED}${process.pid}.bin`);
  try {
    const nameless = await namelessInitdb(native, folder);
    return await runProgram(nameless, parameters, { libraryPath, cwd: dataDir });
  } finally {
    await removeFolder(folder);
  }
}

/**
 * `initdb` and the server that it runs ask for the name of their user and end where there is none, as in a container
 * that runs under a bare number. They use it for a line of output alone, since `--username` names the superuser. So
 * here are copies of the two that ask for the first name of the list of users instead: `getpwent`, a word as long as
 * `getpwuid`. The server that then runs for good asks for no name, and is no copy.
 */
async function namelessInitdb(native: NativeServer, folder: string): Promise<string> {
  const bin = join(folder, 'bin');
  await mkdir(bin, { recursive: true, mode: 0o700 });
  for (const program of [native.initdb, native.postgres]) await copyNameless(program, bin);
  // Both find the rest by their own place.
  for (const part of ['lib', 'share']) await symlink(join(native.folder, part), join(folder, part));
  return join(bin, basename(native.initdb));
}

async function copyNameless(program: string, bin: string): Promise<void> {
  const content = await readFile(program);
  const at = content.indexOf('\0getpwuid\0');
  if (at === -1 || content.includes('\0getpwuid\0', at + 1))
    throw new ConfigError(
      `The user id ${process.getuid?.() ?? ''} has no name on this system, which the making of a database needs: run the ` +
        'service as a user of /etc/passwd, or set DATABASE_URL to a server of your own.',
    );
  content.write('\0getpwent\0', at, 'latin1');
  const copy = join(bin, basename(program));
  await writeFile(copy, content);
  await chmod(copy, 0o700);
}
