import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** The ids of the system account that the server runs as. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** How a program ended and what it wrote. */
export interface ProgramEnd {
  /** The exit status, or the reason why it did not run (`ENOENT`, `EACCES`). */
  readonly code: number | string;
  readonly output: string;
}

/** How a program of the server is run. */
export interface RunOptions {
  readonly account?: Account | undefined;
  readonly cwd?: string;
  /** Where its libraries are searched first. */
  readonly libraryPath?: string | undefined;
}

/** Milliseconds that a program may take; `initdb` takes half a second, on a slow disk some seconds. */
const RUN_WITHIN_MS = 120_000;

const execute = promisify(execFile);

/** All that a program of the server gets to see of the environment: none of the service's secrets. */
export function programEnvironment(libraryPath: string | undefined): Record<string, string> {
  return {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    LANG: 'C',
    LC_ALL: 'C',
    TZ: 'UTC',
    ...(libraryPath !== undefined && { LD_LIBRARY_PATH: libraryPath, DYLD_LIBRARY_PATH: libraryPath }),
  };
}

/** Runs a program to its end. It never throws: a program that fails is told by its code and output. */
export async function runProgram(
  file: string,
  parameters: readonly string[],
  { account, cwd, libraryPath }: RunOptions = {},
): Promise<ProgramEnd> {
  try {
    const { stdout, stderr } = await execute(file, parameters, {
      env: programEnvironment(libraryPath),
      timeout: RUN_WITHIN_MS,
      windowsHide: true,
      ...(cwd !== undefined && { cwd }),
      ...account,
    });
    return { code: 0, output: stdout + stderr };
  } catch (error) {
    const { code, signal, stdout, stderr, message } = error as ExecError;
    const output = (stdout ?? '') + (stderr ?? '');
    return { code: code ?? signal ?? 'killed', output: output || message };
  }
}

interface ExecError extends Error {
  readonly code?: number | string | null;
  readonly signal?: string | null;
  readonly stdout?: string;
  readonly stderr?: string;
}
