import { createHash, randomBytes } from 'node:crypto';
import type { Stats } from 'node:fs';
import { mkdir, lstat, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from '../../config/config-error.js';
import type { Account } from './run-program.js';
import { clusterFolder, USER } from './cluster.js';
import { codeOf, keepPrivate } from './files.js';
import { runningServer } from './pid-file.js';
import type { ServerPlace } from './server-place.js';

/** The service's own database on its server. */
export const DATABASE = 'llm_service';

/** What a client needs to connect. */
export interface Connection {
  /** A folder with the server's socket; on Windows an address. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  readonly password?: string;
}

/** The one way to a server, as its client and as the server itself must know it. */
export interface Reach {
  readonly connection: Connection;
  /** Settings of the server. */
  readonly settings: Readonly<Record<string, string>>;
  /** The whole `pg_hba.conf`. */
  readonly access: string;
  readonly passwordFile: string | undefined;
}

/** PostgreSQL's own port; of a socket it is only the end of the name. */
const SOCKET_PORT = 5432;

/** Bytes that a socket's path may have: 107 on Linux, 103 on macOS. */
const MAX_SOCKET_PATH = 103;

/**
 * A socket in a folder of the server's account alone, and no port; Windows has a port on the loopback and a password.
 * @throws ConfigError if the folder for the socket is somebody else's
 */
export async function openReach(dataDir: string, account: Account | undefined): Promise<Reach> {
  return process.platform === 'win32' ? loopback(dataDir) : socket(dataDir, account);
}

/**
 * The way to a server that may be running, as it was opened for that one; nothing is made for it.
 * @returns nothing where none can be running, and where the folder for the socket is somebody else's
 */
export async function findConnection({ folder, account }: ServerPlace): Promise<Connection | undefined> {
  return process.platform === 'win32' ? findLoopback(folder) : findSocket(folder, account);
}

async function findSocket(dataDir: string, account: Account | undefined): Promise<Connection | undefined> {
  const folder = socketFolder(dataDir);
  const found = await lstat(folder).catch(() => undefined);
  return found && isOurs(found, account) ? throughSocket(folder) : undefined;
}

async function findLoopback(dataDir: string): Promise<Connection | undefined> {
  const password = await readFile(passwordFileOf(dataDir), 'utf8').catch(() => undefined);
  const server = await runningServer(clusterFolder(dataDir));
  return server && password !== undefined ? throughLoopback(server.port, password) : undefined;
}

function throughSocket(folder: string): Connection {
  return { host: folder, port: SOCKET_PORT, user: USER, database: DATABASE };
}

function throughLoopback(port: number, password: string): Connection {
  return { host: '127.0.0.1', port, user: USER, database: DATABASE, password };
}

function passwordFileOf(dataDir: string): string {
  return join(dataDir, 'postgres.password');
}

async function socket(dataDir: string, account: Account | undefined): Promise<Reach> {
  const folder = socketFolder(dataDir);
  await makeSocketFolder(folder, account);
  return {
    connection: throughSocket(folder),
    settings: {
      listen_addresses: '',
      // A list of quoted names: the folder's own name may hold a comma.
      unix_socket_directories: `"${folder.replaceAll('"', '""')}"`,
      unix_socket_permissions: '0700',
      port: String(SOCKET_PORT),
    },
    // Who may open the folder is who may connect.
    access: `local all ${USER} trust\n`,
    passwordFile: undefined,
  };
}

function socketFolder(dataDir: string): string {
  const near = join(dataDir, 'postgres.socket');
  if (Buffer.byteLength(join(near, `.s.PGSQL.${SOCKET_PORT}`)) <= MAX_SOCKET_PATH) return near;
  const name = createHash('sha256').update(dataDir).digest('hex').slice(0, 16);
  return join(tmpdir(), `llm-service-${name}`);
}

async function makeSocketFolder(folder: string, account: Account | undefined): Promise<void> {
  try {
    await mkdir(folder, { mode: 0o700 });
    await keepPrivate(folder, 0o700, account);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
  if (!isOurs(await lstat(folder), account))
    throw new ConfigError(
      `${folder}, the folder for the database's socket, belongs to somebody else: remove it, or set DATA_DIR to another folder.`,
    );
  await keepPrivate(folder, 0o700, account);
}

function isOurs(folder: Stats, account: Account | undefined): boolean {
  // Killed between its making and its handing over, a folder is still that of root.
  const unclaimed = account !== undefined && folder.uid === 0;
  return folder.isDirectory() && (folder.uid === (account?.uid ?? process.getuid?.()) || unclaimed);
}

async function loopback(dataDir: string): Promise<Reach> {
  const passwordFile = passwordFileOf(dataDir);
  const password = await readPassword(passwordFile);
  const port = (await runningServer(clusterFolder(dataDir)))?.port ?? (await freePort());
  return {
    connection: throughLoopback(port, password),
    settings: { listen_addresses: '127.0.0.1', unix_socket_directories: '', port: String(port) },
    access: `host all ${USER} 127.0.0.1/32 scram-sha-256\n`,
    passwordFile,
  };
}

async function readPassword(file: string): Promise<string> {
  try {
    await writeFile(file, randomBytes(32).toString('hex'), { mode: 0o600, flag: 'wx', flush: true });
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
  return readFile(file, 'utf8');
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject).listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        resolve(typeof address === 'object' && address ? address.port : 0);
      });
    });
  });
}
