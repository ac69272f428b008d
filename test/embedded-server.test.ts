import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { findNativePackage, prepareNativeServer } from '../src/database/embedded/native-package.js';
import {
  ask,
  ended,
  kill,
  openFolder,
  removeLater,
  runOwner,
  serverPid,
  startElsewhere,
  startHere,
} from './support/embedded.js';

const isRoot = process.getuid?.() === 0;
const onLinux = process.platform === 'linux' ? it : it.skip;
const asRoot = isRoot ? it : it.skip;
const canMount = isRoot && spawnSync('unshare', ['--mount', 'true']).status === 0;

/** A user id that no account of this machine has. */
const NAMELESS = { uid: 12345, gid: 12345 };

const note = 'CREATE TABLE IF NOT EXISTS note (text text); INSERT INTO note VALUES';

describe('the first start', () => {
  it('makes a database in UTF-8 with the promises of a server: written to disk, with checksums', async () => {
    const { connection, adopted } = await startHere(openFolder());
    const [settings] = await ask(
      connection,
      `SELECT current_database() AS database, current_setting('fsync') AS fsync, current_setting('data_checksums') AS checksums,
        current_setting('server_encoding') AS encoding, current_setting('lc_collate', true) AS collate`,
    );
    expect(adopted).toBe(false);
    expect(settings).toMatchObject({
      database: 'llm_service',
      fsync: 'on',
      checksums: 'on',
      encoding: 'UTF8',
    });
  });

  it('puts the socket into a folder for its account alone', async () => {
    const { connection } = await startHere(openFolder());
    expect(statSync(connection.host).mode & 0o777).toBe(0o700);
  });

  onLinux('opens no port', async () => {
    const dataDir = openFolder();
    await startHere(dataDir);
    const pid = serverPid(dataDir);
    const sockets = readdirSync(`/proc/${pid}/fd`)
      .map((fd) => /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1])
      .filter((inode) => inode !== undefined);
    const inodes = ['tcp', 'tcp6', 'udp', 'udp6'].flatMap((kind) =>
      readFileSync(`/proc/${pid}/net/${kind}`, 'utf8')
        .split('\n')
        .map((line) => line.trim().split(/\s+/)[9]),
    );
    expect(sockets.length).toBeGreaterThan(0);
    expect(inodes.filter((inode) => inode !== undefined && sockets.includes(inode))).toEqual([]);
  });

  onLinux('tells the server nothing of the environment of the service', async () => {
    const dataDir = openFolder();
    const { child } = await startElsewhere(dataDir);
    const environment = readFileSync(`/proc/${serverPid(dataDir)}/environ`, 'utf8');
    await kill(child);
    await startHere(dataDir);
    expect(environment).toContain('LC_ALL=C');
    expect(environment).not.toContain('sesame');
  });

  it('gets over one that was killed in the middle', async () => {
    const dataDir = openFolder();
    const child = runOwner(dataDir);
    const watcher = watch(dataDir);
    for (;;) {
      const [, name] = (await once(watcher, 'change')) as [string, string];
      if (name.startsWith('postgres.new-')) break;
    }
    watcher.close();
    await kill(child);
    const { connection } = await startHere(dataDir);
    expect(await ask(connection, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(readdirSync(dataDir).filter((name) => name.startsWith('postgres.new-'))).toEqual([]);
  });

  it('puts the socket elsewhere where the path of the folder is too long for one', async () => {
    const dataDir = join(openFolder(), 'x'.repeat(100), 'data');
    const { connection } = await startHere(dataDir);
    expect(await ask(connection, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(connection.host).not.toContain(dataDir);
    expect(statSync(connection.host).mode & 0o777).toBe(0o700);
    rmSync(connection.host, { recursive: true });
  });

  asRoot("refuses somebody else's folder for the socket", async () => {
    const dataDir = openFolder();
    const folder = join(dataDir, 'postgres.socket');
    mkdirSync(folder);
    chownSync(folder, NAMELESS.uid, NAMELESS.gid);
    await expect(startHere(dataDir)).rejects.toThrow(
      `${folder}, the folder for the database's socket, belongs to`,
    );
  });

  it('copes with quotes, commas and spaces in the path', async () => {
    const { connection } = await startHere(join(openFolder(), `it's "my", $HOME`));
    expect(await ask(connection, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  asRoot('works for a user id without a name', async () => {
    const dataDir = openFolder();
    chownSync(dataDir, NAMELESS.uid, NAMELESS.gid);
    const { child, said } = await startElsewhere(dataDir, NAMELESS);
    const owner = existsSync(join(dataDir, 'postgres')) && statSync(join(dataDir, 'postgres')).uid;
    await kill(child);
    expect(said).toMatchObject({ adopted: false });
    expect(owner).toBe(NAMELESS.uid);
    await startHere(dataDir);
  });
});

describe('a later start', () => {
  it('finds the data again', async () => {
    const dataDir = openFolder();
    const first = await startHere(dataDir);
    await ask(first.connection, `${note} ('kept')`);
    await Promise.all([first.stop(), first.stop()]);
    const second = await startHere(dataDir);
    expect(second.adopted).toBe(false);
    expect(await ask(second.connection, 'SELECT text FROM note')).toEqual([{ text: 'kept' }]);
  });

  it('takes over the server that a killed service has left', async () => {
    const dataDir = openFolder();
    const { child } = await startElsewhere(dataDir);
    const pid = serverPid(dataDir);
    await kill(child);
    const { adopted, connection } = await startHere(dataDir);
    expect(adopted).toBe(true);
    expect(serverPid(dataDir)).toBe(pid);
    expect(await ask(connection, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('refuses a folder that another service uses, and leaves that one alone', async () => {
    const dataDir = openFolder();
    const { connection } = await startHere(dataDir);
    const { said } = await startElsewhere(dataDir);
    expect(said).toEqual({
      refused: expect.stringContaining(`The data folder ${dataDir} is in use by another service`),
    });
    expect(await ask(connection, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('lets one of two that come at the same time have the folder', async () => {
    const dataDir = openFolder();
    const both = await Promise.all([startElsewhere(dataDir), startElsewhere(dataDir)]);
    const refused = both.flatMap(({ said }) => ('refused' in said ? [said.refused] : []));
    expect(refused).toEqual([expect.stringContaining('is in use by another service')]);
    for (const { child } of both) await kill(child);
    await startHere(dataDir);
  });

  it("is not stopped by a crashed server's file whose process id is another program's by now", async () => {
    const dataDir = openFolder();
    const { child, said } = await startElsewhere(dataDir);
    if ('refused' in said) throw new Error(said.refused);
    await ask(said.connection, `${note} ('kept')`);
    await kill(child);
    process.kill(serverPid(dataDir), 'SIGKILL');
    const { uid, gid } = statSync(join(dataDir, 'postgres'));
    const other = spawn('sleep', ['600'], { uid, gid });
    await once(other, 'spawn');
    const file = join(dataDir, 'postgres', 'postmaster.pid');
    writeFileSync(file, readFileSync(file, 'utf8').replace(/^\d+/, String(other.pid)));

    const { connection, adopted } = await startHere(dataDir);
    expect(adopted).toBe(false);
    expect(await ask(connection, 'SELECT text FROM note')).toEqual([{ text: 'kept' }]);
    expect(other.exitCode).toBeNull();
    other.kill();
  });

  onLinux(
    'ends a server whose processes are all stopped, and finds what was committed',
    async () => {
      const dataDir = openFolder();
      const pids = await leaveServer(dataDir);
      freeze(pids);

      const { connection, adopted } = await startHere(dataDir);

      expect(adopted).toBe(false);
      expect(await ask(connection, 'SELECT text FROM note')).toEqual([{ text: 'kept' }]);
      for (const pid of pids) await ended(pid);
    },
    60_000,
  );

  onLinux('ends the stopped processes of a server that was killed', async () => {
    const dataDir = openFolder();
    const [server = 0, ...others] = await leaveServer(dataDir);
    freeze(others);
    process.kill(server, 'SIGKILL');
    const bystander = spawn('sleep', ['600'], { cwd: join(dataDir, 'postgres') });
    await once(bystander, 'spawn');

    const { connection } = await startHere(dataDir);

    expect(await ask(connection, 'SELECT text FROM note')).toEqual([{ text: 'kept' }]);
    for (const pid of others) await ended(pid);
    expect(bystander.exitCode).toBeNull();
    bystander.kill();
  });

  it('refuses a database of another major version', async () => {
    const dataDir = openFolder();
    mkdirSync(join(dataDir, 'postgres'));
    writeFileSync(join(dataDir, 'postgres', 'PG_VERSION'), '17\n');
    await expect(startHere(dataDir)).rejects.toThrow(
      `The database in ${dataDir}/postgres was made by PostgreSQL 17, and this service brings 18: set DATA_DIR`,
    );
  });

  it('refuses a folder of other files', async () => {
    const dataDir = openFolder();
    mkdirSync(join(dataDir, 'postgres'));
    writeFileSync(join(dataDir, 'postgres', 'holiday.jpg'), '');
    await expect(startHere(dataDir)).rejects.toThrow(`${dataDir}/postgres holds files that are no database`);
    expect(existsSync(join(dataDir, 'postgres', 'holiday.jpg'))).toBe(true);
  });
});

describe('a server in use', () => {
  it('is started again when it is killed, with what was committed', async () => {
    const dataDir = openFolder();
    const { connection } = await startHere(dataDir);
    await ask(connection, `${note} ('kept')`);
    process.kill(serverPid(dataDir), 'SIGKILL');
    expect(await askUntilAnswered(connection, 'SELECT text FROM note')).toEqual([{ text: 'kept' }]);
  });

  it('is gone once it was stopped', async () => {
    const dataDir = openFolder();
    const server = await startHere(dataDir);
    const pid = serverPid(dataDir);
    await server.stop();
    await ended(pid);
    expect(existsSync(join(dataDir, 'postgres', 'postmaster.pid'))).toBe(false);
    await expect(ask(server.connection, 'SELECT 1')).rejects.toThrow('ENOENT');
  });
});

describe('a folder that will not do', () => {
  asRoot('gives way to one under /var/lib where the account of the database does not get there', async () => {
    const parent = openFolder();
    chmodSync(parent, 0o700);
    const { connection } = await startHere(join(parent, 'data'));
    removeLater(dirname(connection.host));
    expect(connection.host).toMatch(/^\/var\/lib\/llm-service\/[\da-f]{12}\//);
    expect(await ask(connection, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('is named where it is a file', async () => {
    const file = join(openFolder(), 'data');
    writeFileSync(file, '');
    await expect(startHere(file)).rejects.toThrow(`The data folder ${file} is not a folder: set DATA_DIR`);
  });

  (canMount ? it : it.skip).each([
    ['without space', 'size=8m', 'there is no space left'],
    ['that is read-only', 'ro', 'is read-only'],
  ])('is named where it is one %s', async (_, options, sentence) => {
    const dataDir = openFolder();
    execFileSync('mount', ['-t', 'tmpfs', '-o', `mode=755,${options}`, 'none', dataDir]);
    try {
      const start = startHere(dataDir);
      await expect(start).rejects.toThrow(dataDir);
      await expect(start).rejects.toThrow(sentence);
    } finally {
      execFileSync('umount', [dataDir]);
    }
  });
});

describe("npm's package", () => {
  it('is missed with a sentence on a machine that it does not exist for', () => {
    expect(() => findNativePackage('linux', 'riscv64')).toThrow(
      "The service's own database does not run on this machine (linux, riscv64): set DATABASE_URL",
    );
  });

  it('is missed with a sentence where npm left it out', () => {
    expect(() => findNativePackage('win32', 'x64')).toThrow(
      'is not installed (the optional package @embedded',
    );
  });

  it('gets the links and executable bits that its install script was not let make', async () => {
    const { folder, dataDir } = bareCopy();
    const native = await prepareNativeServer(folder, dataDir, undefined);
    expect(native.libraryPath).toBeUndefined();
    expect(lstatSync(join(folder, 'native', 'lib', 'libpq.so.5')).isSymbolicLink()).toBe(true);
  });

  (canMount ? it : it.skip)('gets its links in the data folder where it may not be changed', async () => {
    const { folder, dataDir } = bareCopy();
    for (const name of ['initdb', 'pg_ctl', 'postgres'])
      chmodSync(join(folder, 'native', 'bin', name), 0o755);
    execFileSync('mount', ['--bind', '-o', 'ro', folder, folder]);
    try {
      const native = await prepareNativeServer(folder, dataDir, undefined);
      expect(native.libraryPath).toBe(`${join(dataDir, 'postgres.lib')}:${join(folder, 'native', 'lib')}`);
      expect(lstatSync(join(dataDir, 'postgres.lib', 'libpq.so.5')).isSymbolicLink()).toBe(true);
    } finally {
      execFileSync('umount', [folder]);
    }
  });
});

/** A copy of the package as npm unpacks it without its install script, and without its executable bits. */
function bareCopy(): { folder: string; dataDir: string } {
  const installed = findNativePackage();
  const folder = openFolder();
  cpSync(installed, folder, {
    recursive: true,
    filter: (path) =>
      basename(dirname(path)) !== 'lib' || (!lstatSync(path).isSymbolicLink() && !path.endsWith('.a')),
  });
  for (const name of readdirSync(join(folder, 'native', 'bin')))
    chmodSync(join(folder, 'native', 'bin', name), 0o644);
  return { folder, dataDir: openFolder() };
}

/** A server that a killed service has left, with a row in it. @returns the ids of its processes, its own first */
async function leaveServer(dataDir: string): Promise<number[]> {
  const { child, said } = await startElsewhere(dataDir);
  if ('refused' in said) throw new Error(said.refused);
  await ask(said.connection, `${note} ('kept')`);
  const server = serverPid(dataDir);
  await kill(child);
  const made = execFileSync('pgrep', ['-P', String(server)], { encoding: 'utf8' });
  return [server, ...made.trim().split('\n').map(Number)];
}

/** Those that have ended meanwhile, such as the one for the killed service, need none. */
function freeze(pids: readonly number[]): void {
  spawnSync('kill', ['-STOP', ...pids.map(String)]);
}

async function askUntilAnswered(...question: Parameters<typeof ask>): ReturnType<typeof ask> {
  for (;;) {
    try {
      return await ask(...question);
    } catch {
      // Not back yet.
    }
  }
}
